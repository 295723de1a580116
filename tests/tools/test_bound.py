"""Governed tools in graphs that are not ours: each decides, asks, leases and records by itself."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages import ToolCall as RequestedCall
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Interrupt
from tests.tools.governed import CLERK, MANAGER, load_policy, pay_tool, request

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Tools
from bailiwick.policies import Principal
from bailiwick.policies.approvals import Approve
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.bound import BoundTool
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.delegation import delegate
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.records.ledger import Ledger

Graph = CompiledStateGraph[Any, Any, Any, Any]
Paid = list[tuple[str, Decimal]]

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}


@scoped_tool(effect="read")
def look() -> str:
    """Look around."""
    return "all is well"


def pays(*amounts: str) -> Callable[[Sequence[BaseMessage], Tools], AIMessage]:
    """Return a script that pays these amounts in one turn, then reports what came of it."""

    def script(messages: Sequence[BaseMessage], tools: Tools) -> AIMessage:
        assert tools == {"pay": {"to", "amount"}}
        answers = [each for each in messages if isinstance(each, ToolMessage)]
        if answers:
            return AIMessage("\n".join(each.text for each in answers))
        calls = [request("pay", {"to": "shop", "amount": amount}) for amount in amounts]
        return AIMessage("", tool_calls=calls)

    return script


def agent_graph(tools: Sequence[BaseTool], *amounts: str) -> Graph:
    """Return LangChain's own agent."""
    model = ScriptedModel(script=pays(*amounts))
    return create_agent(model, list(tools), checkpointer=InMemorySaver())


def node_graph(tools: Sequence[BaseTool], *amounts: str) -> Graph:
    """Return a graph with LangGraph's own tool node, which runs all calls in one task."""
    model = ScriptedModel(script=pays(*amounts)).bind_tools(tools)

    def think(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": [model.invoke(state["messages"])]}

    def route(state: MessagesState) -> str:
        last = state["messages"][-1]
        return "tools" if isinstance(last, AIMessage) and last.tool_calls else END

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "think")
    builder.add_conditional_edges("think", route, ["tools", END])
    builder.add_edge("tools", "think")
    return builder.compile(checkpointer=InMemorySaver())


@pytest.fixture(params=[agent_graph, node_graph], ids=["create_agent", "tool node"])
def graph_of(request: pytest.FixtureRequest) -> Callable[..., Graph]:
    """Give both kinds of foreign graph in turn."""
    kind: Callable[..., Graph] = request.param
    return kind


class Drive:
    """Drive a graph by `invoke` or by `ainvoke`."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async

    def __call__(self, graph: Graph, given: object, by: Principal = CLERK) -> dict[str, Any]:
        """Run the graph as somebody and return what it gives."""
        with acting_as(by):
            if self.is_async:
                result: dict[str, Any] = asyncio.run(graph.ainvoke(given, THREAD))
            else:
                result = graph.invoke(given, THREAD)
        return result

    def start(self, graph: Graph) -> dict[str, Any]:
        """Run the graph on a first message."""
        return self(graph, {"messages": [HumanMessage("pay")]})

    def answer(self, graph: Graph, question: Interrupt, **answer: object) -> dict[str, Any]:
        """Answer a question as the manager."""
        given = {"action_digest": question.value["action_digest"], **answer}
        return self(graph, Command(resume={question.id: given}), MANAGER)


@pytest.fixture(params=[False, True], ids=["invoke", "ainvoke"])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Give both ways to drive a graph in turn."""
    return Drive(is_async=request.param)


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """Give a guard without a vault."""
    ledger = Ledger("sqlite://")
    yield Guard(policy=load_policy(tmp_path), ledger=ledger)
    ledger.close()


@pytest.fixture
def paid() -> Paid:
    """Give the list of what was paid."""
    return []


@pytest.fixture
def bound(guard: Guard, paid: Paid) -> list[BaseTool]:
    """Give the tool that pays, bound for billing."""
    return guard.bind([pay_tool(paid)], agent="billing")


def last_text(result: dict[str, Any]) -> str:
    """Return the last message's text."""
    return str(result["messages"][-1].text)


def test_binding_nothing_gives_nothing(guard: Guard) -> None:
    """An agent without tools needs no special case."""
    assert guard.bind([], agent="billing") == []


def test_only_scoped_tools_can_be_bound(guard: Guard) -> None:
    """Of any other nobody has said what it does."""

    @tool
    def plain() -> str:
        """Be plain."""
        return "x"

    with pytest.raises(ScopeError, match="'plain' is not scoped"):
        guard.bind([plain], agent="billing")


def test_a_bound_tool_looks_like_the_tool(guard: Guard, bound: list[BaseTool]) -> None:
    """A model is shown the same name, description and arguments."""
    (pay,) = bound
    original = pay_tool([])

    assert isinstance(pay, BoundTool)
    assert (pay.name, pay.description, pay.args) == (
        original.name,
        original.description,
        original.args,
    )
    assert guard.governs(pay)
    assert not guard.governs(original)


def test_a_guard_governs_what_it_bound_itself(tmp_path: Path, bound: list[BaseTool]) -> None:
    """Another guard's tool is decided by another policy."""
    ledger = Ledger("sqlite://")
    other = Guard(policy=load_policy(tmp_path), ledger=ledger)

    assert not other.governs(bound[0])
    ledger.close()


def test_an_allowed_call_runs(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """Nobody is asked, and the result is the model's."""
    result = drive.start(graph_of(bound, "40"))

    assert last_text(result) == "paid 40 to shop"
    assert paid == [("shop", Decimal(40))]


def test_a_denied_call_is_refused(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """The model reads why, and the graph goes on."""
    result = drive.start(graph_of(bound, "900"))

    assert last_text(result) == "pay did not run. Forbidden: it is too much (too-much)."
    assert result["messages"][-2].status == "error"
    assert paid == []


def test_arguments_that_do_not_fit_are_refused(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """As under a specialist."""
    result = drive.start(graph_of(bound, "much"))

    assert "Its arguments do not fit: amount: " in last_text(result)
    assert paid == []


def test_a_call_that_needs_a_person_asks_before_any_effect(
    graph_of: Callable[..., Graph],
    drive: Drive,
    guard: Guard,
    bound: list[BaseTool],
    paid: Paid,
) -> None:
    """The interrupt is the same as a specialist's, and the approved call runs once."""
    graph = graph_of(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]

    assert paid == []
    assert question.value["agent"] == "billing"
    assert [record.kind for record in guard.ledger.records()] == ["approval.requested"]
    result = drive.answer(graph, question, type="approve")
    assert last_text(result) == "paid 140 to shop"
    assert paid == [("shop", Decimal(140))]
    assert guard.approvals.list()[0].state == "consumed"


def test_an_edited_call_runs_as_edited(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """With a note of the change before the result."""
    graph = graph_of(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]
    action = {"name": "pay", "args": {"to": "shop", "amount": "110"}}
    result = drive.answer(graph, question, type="edit", edited_action=action)

    assert last_text(result) == (
        'manager changed the arguments to {"to": "shop", "amount": "110"} before this ran.\n'
        "paid 110 to shop"
    )
    assert paid == [("shop", Decimal(110))]


REJECT = {"type": "reject", "message": "not now"}
RESPOND = {"type": "respond", "message": "by hand"}


@pytest.mark.parametrize(
    ("answer", "text"),
    [(REJECT, "pay did not run. manager rejected it: not now"), (RESPOND, "by hand")],
    ids=["reject", "respond"],
)
def test_an_answer_can_stand_in_the_tools_place(
    drive: Drive, bound: list[BaseTool], paid: Paid, answer: dict[str, object], text: str
) -> None:
    """The tool does not run."""
    graph = agent_graph(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]

    assert last_text(drive.answer(graph, question, **answer)) == text
    assert paid == []


def test_a_stale_answer_releases_nothing(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """The question stays, and its own answer still counts."""
    graph = graph_of(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]

    with pytest.raises(ValueError, match="another call"):
        drive.answer(graph, question, type="approve", action_digest="0" * 64)
    assert paid == []
    drive.answer(graph, question, type="approve")
    assert paid == [("shop", Decimal(140))]


def questions(graph: Graph) -> list[Interrupt]:
    """Return the questions that are open in the thread."""
    state = graph.get_state(THREAD)
    return [each for task in state.tasks for each in task.interrupts]


def test_two_calls_in_one_turn_are_approved_one_by_one(
    drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """Even with one call id for both: each is asked about and runs exactly once."""
    graph = agent_graph(bound, "140", "150", "40")
    drive.start(graph)
    rounds = 0
    while open_questions := questions(graph):
        drive.answer(graph, open_questions[0], type="approve")
        rounds += 1

    assert rounds == 2
    assert sorted(amount for _, amount in paid) == [Decimal(40), Decimal(140), Decimal(150)]
    assert sorted(last_text(graph.get_state(THREAD).values).splitlines()) == [
        "paid 140 to shop",
        "paid 150 to shop",
        "paid 40 to shop",
    ]


def test_what_was_approved_on_the_record_runs_without_an_answer_in_the_thread(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, bound: list[BaseTool], paid: Paid
) -> None:
    """A node with several calls in one task cannot tell answers apart; the record can."""
    graph = graph_of(bound, "140", "150")
    drive.start(graph)
    while len(guard.approvals.pending()) < 2:
        drive(graph, None)
    for pending in guard.approvals.pending():
        answer = Approve(action_digest=pending.request.digest)
        guard.approvals.answer(pending.request.id, answer, by=MANAGER)
    drive(graph, None)

    assert questions(graph) == []
    assert sorted(amount for _, amount in paid) == [Decimal(140), Decimal(150)]


def test_a_call_that_needs_several_people_is_refused(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """A foreign node cannot wait twice: it would answer the second question by the first."""
    graph = graph_of(bound, "240")
    (question,) = drive.start(graph)["__interrupt__"]
    result = drive.answer(graph, question, type="approve")

    assert "needs the approval of several people" in last_text(result)
    assert paid == []


def test_a_bound_tool_needs_an_agent(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, paid: Paid
) -> None:
    """Nobody's call is denied, and the remedy is named."""
    result = drive.start(graph_of(guard.bind([pay_tool(paid)]), "40"))

    assert last_text(result) == (
        "pay did not run. No agent holds it: name one with guard.bind(tools, agent=...)."
    )
    assert paid == []


def test_the_current_hand_off_names_the_agent(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, paid: Paid
) -> None:
    """A tool that was bound without one acts for the agent that holds the conversation."""
    graph = graph_of(guard.bind([pay_tool(paid)]), "40")
    with delegate(supervisor="supervisor", agent="billing"):
        drive.start(graph)
    decision = next(guard.ledger.records("t", "decision"))

    assert paid == [("shop", Decimal(40))]
    assert (decision.body["agent"], decision.body["chain"]) == ("billing", ["supervisor"])


async def test_a_bound_tool_takes_whole_tool_calls_alone(bound: list[BaseTool]) -> None:
    """Without the id of the call there is nothing to bind an approval to."""
    (pay,) = bound
    args = {"to": "shop", "amount": 1}

    with pytest.raises(ScopeError, match="'pay' is governed and takes a whole tool call"):
        pay.invoke(args)
    with pytest.raises(ScopeError, match="'pay' is governed and takes a whole tool call"):
        await pay.ainvoke(args)
    with pytest.raises(ScopeError, match="'pay' is governed: use invoke or ainvoke"):
        pay.run(args)


async def test_a_bound_tool_can_be_invoked_outside_of_a_graph(guard: Guard) -> None:
    """What needs nobody runs, what needs somebody is refused: there is no thread to wait in."""
    looks, pays_much = guard.bind([look, pay_tool([])], agent="billing")
    much = request("pay", {"to": "shop", "amount": 140})

    with acting_as(CLERK):
        assert looks.invoke(request("look", {})).content == "all is well"
        assert (await looks.ainvoke(request("look", {}))).content == "all is well"
        assert "cannot wait for one" in pays_much.invoke(much).content
        assert "cannot wait for one" in (await pays_much.ainvoke(much)).content


def test_an_asynchronous_tool_says_how_to_run_it(guard: Guard) -> None:
    """In a graph that is driven by `invoke`, it fails in words."""

    async def alook() -> str:
        """Look."""
        return "all is well"

    scoped: ScopedTool = scoped_tool(alook, effect="read", name="look")
    asked: RequestedCall = request("look", {})
    (bound,) = guard.bind([scoped], agent="billing")

    assert "'look' is asynchronous: use ainvoke" in bound.invoke(asked).content
    assert asyncio.run(bound.ainvoke(asked)).content == "all is well"
