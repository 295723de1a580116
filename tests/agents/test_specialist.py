"""A specialist thinks, asks and acts: each call a task of its own, and each governed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.config import get_stream_writer
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import InjectedState
from langgraph.types import Command, Interrupt
from tests.tools.governed import CLERK, MANAGER, pay_tool
from typing_extensions import override

from bailiwick.agents import SpecialistGraph, create_specialist
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Tools
from bailiwick.agents.state import AgentState
from bailiwick.policies import Principal
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.redaction import MASK
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.delegation import delegate
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.vault import Vault

Graph = CompiledStateGraph[Any, Any, Any, Any]
Paid = list[tuple[str, Decimal]]

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
PAY: AgentState = {"messages": [HumanMessage("pay", id="h-1")]}


@scoped_tool(effect="read")
def look() -> str:
    """Look around."""
    get_stream_writer()("looking")
    return "all is well"


class Thinker:
    """Call tools once for each message of a person, and keep every conversation it was shown."""

    def __init__(self, *calls: tuple[str, dict[str, Any]]) -> None:
        self.calls = calls
        self.shown: list[list[BaseMessage]] = []
        self.model = ScriptedModel(script=self.think)

    def think(self, messages: Sequence[BaseMessage], _: Tools) -> AIMessage:
        """Be the script."""
        self.shown.append([*messages])
        if not isinstance(messages[-1], HumanMessage) or messages[-1].text == "stop":
            return AIMessage("done")
        return AIMessage(
            "", tool_calls=[{"name": name, "args": args, "id": None} for name, args in self.calls]
        )


def pays(*amounts: object) -> Thinker:
    """Return a thinker that makes payments in one turn."""
    return Thinker(*(("pay", {"to": "shop", "amount": amount}) for amount in amounts))


def kept(graph: Graph) -> Graph:
    """Return a specialist with a checkpointer, which refuses what is no plain value."""
    saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    return graph.builder.compile(checkpointer=saver, name=graph.name)


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

    def answer(self, graph: Graph, question: Interrupt, **answer: object) -> dict[str, Any]:
        """Answer a question as the manager."""
        given = {"action_digest": question.value["action_digest"], **answer}
        return self(graph, Command(resume={question.id: given}), MANAGER)


@pytest.fixture(params=[False, True], ids=["invoke", "ainvoke"])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Give both ways to drive a graph in turn."""
    return Drive(is_async=request.param)


@pytest.fixture
def paid() -> Paid:
    """Give the list of what was paid."""
    return []


@pytest.fixture
def pay(paid: Paid) -> ScopedTool:
    """Give a tool that pays."""
    return pay_tool(paid)


def answers(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the texts of the tools' messages, in order."""
    return [each.text for each in messages if isinstance(each, ToolMessage)]


def test_a_specialist_without_tools_talks(guard: Guard, drive: Drive) -> None:
    """With and without a guard."""
    for given in (None, guard):
        graph = create_specialist("billing", model=Thinker().model, guard=given)
        messages = drive(graph, {"messages": [HumanMessage("stop")]})["messages"]

        assert [each.text for each in messages] == ["stop", "done"]


def test_the_nodes_are_named_after_what_they_do(guard: Guard, pay: ScopedTool) -> None:
    """Who reads a trace or draws the graph finds them by these names."""
    graph = create_specialist("billing", model=pays().model, tools=[pay], guard=guard)
    plain = create_specialist("billing", model=pays().model, tools=[sum_up])

    assert graph.name == "billing"
    assert isinstance(graph.builder, SpecialistGraph)
    assert set(graph.nodes) == {"__start__", "model", "approval", "execute"}
    assert set(plain.nodes) == {"__start__", "model", "execute"}
    assert {(edge.source, edge.target) for edge in graph.get_graph().edges} == {
        ("__start__", "model"),
        ("model", "approval"),
        ("model", "execute"),
        ("model", "__end__"),
        ("approval", "approval"),
        ("approval", "execute"),
        ("approval", "model"),
        ("execute", "model"),
    }


def sum_up(numbers: list[int], state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Sum numbers up."""
    return f"{sum(numbers)} in {len(state['messages'])} messages"


@tool
def wave() -> str:
    """Wave."""
    return "~"


def test_without_a_guard_any_tools_run(drive: Drive) -> None:
    """Functions and tools, with what LangGraph injects."""
    thinker = Thinker(("sum_up", {"numbers": [1, 2]}), ("wave", {}))
    graph = create_specialist("counter", model=thinker.model, tools=[sum_up, wave])

    assert answers(drive(graph, PAY)["messages"]) == ["3 in 2 messages", "~"]


def test_a_tool_that_is_not_scoped_is_refused_by_name(guard: Guard, pay: ScopedTool) -> None:
    """When the agent is built."""
    for plain, name in ((wave, "wave"), (sum_up, "sum_up")):
        with pytest.raises(ScopeError, match=f"'{name}' is not scoped"):
            create_specialist("billing", model=pays().model, tools=[pay, plain], guard=guard)


def test_a_scoped_tool_needs_a_guard(pay: ScopedTool) -> None:
    """It would refuse every call."""
    with pytest.raises(ScopeError, match="pay: a scoped tool needs create_specialist"):
        create_specialist("billing", model=pays().model, tools=[wave, pay])


def test_a_tool_that_leases_needs_a_vault(guard: Guard) -> None:
    """It would refuse every call, too."""
    with pytest.raises(ScopeError, match="'pay' needs a credential: give the guard a vault"):
        create_specialist("billing", model=pays().model, tools=[leasing(str)], guard=guard)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (None, []),
        ("You pay.", [SystemMessage("You pay.")]),
        (SystemMessage("You pay.", id="s"), [SystemMessage("You pay.", id="s")]),
    ],
    ids=["none", "text", "message"],
)
def test_the_prompt_stands_before_the_conversation(
    drive: Drive, prompt: str | SystemMessage | None, expected: list[BaseMessage]
) -> None:
    """And is no part of the state."""
    thinker = Thinker()
    graph = create_specialist("billing", model=thinker.model, prompt=prompt)
    messages = drive(graph, PAY)["messages"]

    assert thinker.shown == [[*expected, *PAY["messages"]]]
    assert not [each for each in messages if isinstance(each, SystemMessage)]


def test_what_a_specialist_says_bears_its_name(guard: Guard, pay: ScopedTool, drive: Drive) -> None:
    """So that a supervisor knows who said it."""
    graph = create_specialist("billing", model=pays(40).model, tools=[pay], guard=guard)
    said = [each for each in drive(graph, PAY)["messages"] if isinstance(each, AIMessage)]

    assert [each.name for each in said] == ["billing", "billing"]


def test_allowed_calls_run_and_denied_ones_are_told(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """Each call of a turn has its answer, in the order of the calls."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("pay", {"to": "shop", "amount": "40"}),
        ("pay", {"to": "shop", "amount": "900"}),
        ("wipe", {}),
        ("pay", {"to": "shop"}),
    ]
    thinker = Thinker(*calls)
    graph = create_specialist("billing", model=thinker.model, tools=[pay], guard=guard)
    messages = drive(graph, PAY)["messages"]

    assert answers(messages) == [
        "paid 40 to shop",
        "pay did not run. Forbidden: it is too much (too-much).",
        "wipe did not run. 'billing' holds no tool 'wipe'.",
        "pay did not run. Its arguments do not fit: amount: Field required.",
    ]
    assert paid == [("shop", Decimal(40))]
    assert thinker.shown[-1] == messages[:-1]


def steps(graph: Graph) -> list[int]:
    """Return the supersteps that a thread took, oldest first."""
    return sorted(state.metadata["step"] for state in graph.get_state_history(THREAD))  # type: ignore[index]  # there is one


def test_an_allowed_call_takes_no_more_supersteps_than_elsewhere(
    guard: Guard, drive: Drive
) -> None:
    """Deciding costs no step: it happens on the edge."""
    scripted = [Thinker(("look", {}), ("look", {})) for _ in range(2)]
    theirs = create_agent(
        scripted[0].model, guard.bind([look], agent="billing"), checkpointer=InMemorySaver()
    )
    ours = kept(create_specialist("billing", model=scripted[1].model, tools=[look], guard=guard))
    for graph in (theirs, ours):
        drive(graph, PAY)

    assert steps(ours) == steps(theirs)


def test_every_call_of_a_turn_is_a_task_of_its_own(guard: Guard, pay: ScopedTool) -> None:
    """What one does, fails at or waits for is not the others' matter."""
    graph = create_specialist("billing", model=pays(1, 2, 3).model, tools=[pay], guard=guard)
    tasks = [each["name"] for each in graph.stream(PAY, stream_mode="tasks") if "input" in each]

    assert tasks == ["model", "execute", "execute", "execute", "model"]


def open_questions(graph: Graph) -> dict[str, Interrupt]:
    """Return the questions that are open in the thread, by the amount they are about."""
    state = graph.get_state(THREAD)
    found = [each for task in state.tasks for each in task.interrupts]
    return {each.value["args"]["amount"]: each for each in found}


def test_only_what_needs_a_person_waits(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The others have run by then, and do not run again when the answers come."""
    thinker = pays("40", "140", "150", "900")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)

    assert set(open_questions(graph)) == {"140", "150"}
    assert paid == [("shop", Decimal(40))]
    drive.answer(graph, open_questions(graph)["150"], type="approve")
    assert set(open_questions(graph)) == {"140"}
    messages = drive.answer(graph, open_questions(graph)["140"], type="reject")["messages"]

    assert sorted(amount for _, amount in paid) == [Decimal(40), Decimal(150)]
    assert sorted(answers(messages)) == [
        "paid 150 to shop",
        "paid 40 to shop",
        "pay did not run. Forbidden: it is too much (too-much).",
        "pay did not run. manager rejected it.",
    ]


def test_the_model_waits_for_every_answer(guard: Guard, pay: ScopedTool, drive: Drive) -> None:
    """A history with a call left open is refused by model providers."""
    thinker = pays("40", "140", "150")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    while questions := open_questions(graph):
        assert len(thinker.shown) == 1
        drive.answer(graph, next(iter(questions.values())), type="approve")

    assert len(thinker.shown) == 2
    assert [each.type for each in thinker.shown[-1]] == ["human", "ai", "tool", "tool", "tool"]


def test_several_approvers_are_asked_in_turn(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The node asks again until all that is required was given."""
    thinker = pays("240")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    for number in range(2):
        auditor = Principal(id=f"auditor-{number}", roles=frozenset({"auditor"}))
        (question,) = open_questions(graph).values()
        given = {"action_digest": question.value["action_digest"], "type": "approve"}
        drive(graph, Command(resume={question.id: given}), auditor)
        assert paid == []
    (question,) = open_questions(graph).values()
    drive.answer(graph, question, type="approve")

    assert paid == [("shop", Decimal(240))]


def test_an_edited_call_runs_as_edited(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The model's message stays as it was; the note says what was changed."""
    graph = kept(create_specialist("billing", model=pays("140").model, tools=[pay], guard=guard))
    drive(graph, PAY)
    (question,) = open_questions(graph).values()
    action = {"name": "pay", "args": {"to": "shop", "amount": "110"}}
    messages = drive.answer(graph, question, type="edit", edited_action=action)["messages"]

    assert paid == [("shop", Decimal(110))]
    assert messages[1].tool_calls[0]["args"] == {"to": "shop", "amount": "140"}
    note, outcome = answers(messages)[0].splitlines()
    assert note == (
        'manager changed the arguments to {"to": "shop", "amount": "110"} before this ran.'
    )
    assert outcome == "paid 110 to shop"


def test_a_response_stands_in_the_tools_place(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The model reads it as the tool's answer."""
    graph = kept(create_specialist("billing", model=pays("140").model, tools=[pay], guard=guard))
    drive(graph, PAY)
    (question,) = open_questions(graph).values()
    messages = drive.answer(graph, question, type="respond", message="by hand")["messages"]

    assert (answers(messages), paid) == (["by hand"], [])


def test_without_a_checkpointer_nobody_is_waited_for(
    guard: Guard, pay: ScopedTool, paid: Paid
) -> None:
    """The call is refused, and the conversation goes on."""
    graph = create_specialist("billing", model=pays("140").model, tools=[pay], guard=guard)
    messages = graph.invoke(PAY)["messages"]

    assert "cannot wait for one" in answers(messages)[0]
    assert (messages[-1].text, paid) == ("done", [])


def test_a_new_message_cancels_what_waits(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The calls get an answer that says so, the question is withdrawn, a late answer is nothing."""
    thinker = pays("140")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    (question,) = open_questions(graph).values()
    messages = drive(graph, {"messages": [HumanMessage("stop", id="h-2")]})["messages"]

    assert [each.type for each in messages] == ["human", "ai", "tool", "human", "ai"]
    assert [each.text for each in thinker.shown[-1]] == [each.text for each in messages[:-1]]
    assert answers(messages) == [
        "pay did not run. It was cancelled: the conversation went on without it."
    ]
    assert [each.state for each in guard.approvals.list()] == ["cancelled"]
    drive.answer(graph, question, type="approve")
    assert paid == []


def test_a_new_message_does_not_cancel_what_has_run(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """LangGraph drops the results beside an interrupt; the record still has them."""
    thinker = pays("40", "140")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    messages = drive(graph, {"messages": [HumanMessage("stop", id="h-2")]})["messages"]

    assert paid == [("shop", Decimal(40))]
    assert answers(messages) == [
        "paid 40 to shop",
        "pay did not run. It was cancelled: the conversation went on without it.",
    ]


def test_the_conversation_goes_on_after_a_cancelled_call(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The same wish is another call, to be asked about anew."""
    thinker = pays("140")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    drive(graph, {"messages": [HumanMessage("again", id="h-2")]})
    (question,) = open_questions(graph).values()
    drive.answer(graph, question, type="approve")

    assert [each.state for each in guard.approvals.list()] == ["cancelled", "consumed"]
    assert paid == [("shop", Decimal(140))]


def test_a_supervisors_history_is_read_by_reference(
    guard: Guard, pay: ScopedTool, drive: Drive
) -> None:
    """The model sees it before the agent's own part; the state does not hold it."""
    history = [HumanMessage("refund A-1", id="s-1"), AIMessage("billing will", id="s-2")]
    thinker = pays("40")
    graph = create_specialist("billing", model=thinker.model, tools=[pay], guard=guard)
    with delegate(supervisor="supervisor", agent="billing", requester="clerk", history=history):
        messages = drive(graph, PAY)["messages"]

    assert thinker.shown[0] == [*history, *PAY["messages"]]
    assert thinker.shown[1][:2] == history
    assert not [each for each in messages if each.id in {"s-1", "s-2"}]
    decision = next(guard.ledger.records(kind="decision"))
    assert decision.body["chain"] == ["supervisor"]


def test_another_agents_history_is_not_read(drive: Drive) -> None:
    """An agent that is run inside of another's turn starts with its own input."""
    thinker = Thinker()
    graph = create_specialist("billing", model=thinker.model)
    with delegate(supervisor="supervisor", agent="orders", history=[HumanMessage("secret")]):
        drive(graph, PAY)

    assert thinker.shown == [PAY["messages"]]


def test_the_state_is_plain_values(
    guard: Guard, pay: ScopedTool, drive: Drive, caplog: pytest.LogCaptureFixture
) -> None:
    """A serializer that takes nothing else keeps it, across an interrupt and its answer."""
    graph = kept(
        create_specialist("billing", model=pays("40", "140").model, tools=[pay], guard=guard)
    )
    with caplog.at_level(logging.WARNING):
        drive(graph, PAY)
        (question,) = open_questions(graph).values()
        drive.answer(graph, question, type="approve")
        states = list(graph.get_state_history(THREAD))

    assert states[0].values["messages"][-1].text == "done"
    assert "Blocked" not in caplog.text
    assert "nregistered" not in caplog.text


async def test_every_way_to_stream_works(guard: Guard) -> None:
    """Updates by node, messages by token, and what a tool writes itself."""
    thinker = Thinker(("look", {}))
    graph = create_specialist("billing", model=thinker.model, tools=[look], guard=guard)
    modes: list[Any] = ["updates", "messages", "custom"]
    streamed = [*graph.stream(PAY, stream_mode=modes)]
    astreamed = [each async for each in graph.astream(PAY, stream_mode=modes)]

    for events in (streamed, astreamed):
        updates: list[Any] = [event for mode, event in events if mode == "updates"]
        tokens: list[Any] = [event for mode, event in events if mode == "messages"]
        assert [event for mode, event in events if mode == "custom"] == ["looking"]
        assert [[*each] for each in updates] == [["model"], ["execute"], ["model"]]
        assert "".join(m.text for m, _ in tokens if isinstance(m, AIMessageChunk)) == "done"
        assert [m.text for m, _ in tokens if isinstance(m, ToolMessage)] == ["all is well"]


class Listener(BaseCallbackHandler):
    """Keep what it hears of tools."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @override
    def on_tool_start(self, serialized: dict[str, Any], input_str: str, **kwargs: Any) -> None:
        self.heard.append(("start", input_str, kwargs.get("inputs")))

    @override
    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        self.heard.append(("end", output.text))


def leasing(use: Callable[[str], str]) -> ScopedTool:
    """Return a tool that pays with a secret: what it does with the secret is given."""

    @scoped_tool(effect="destructive", credential="bank/pay")
    def pay(to: str, amount: Decimal, *, credential: Credential) -> str:
        """Pay."""
        return f"paid {amount} to {to} with {use(credential.reveal())}"

    return pay


def test_a_listener_hears_of_calls_without_their_secrets(
    guard: Guard, vault: Vault, drive: Drive
) -> None:
    """Arguments and result as everybody may read them, once for each call."""
    leases = Guard(policy=guard.policy, ledger=guard.ledger, vault=vault)
    listener = Listener()
    thinker = pays("40")
    graph = create_specialist("billing", model=thinker.model, tools=[leasing(str)], guard=leases)
    messages = drive(graph.with_config(callbacks=[listener]), PAY)["messages"]

    inputs = {"to": "shop", "amount": "40"}
    assert listener.heard == [
        ("start", str(inputs), inputs),
        ("end", f"paid 40 to shop with {MASK}"),
    ]
    assert answers(messages) == [f"paid 40 to shop with {MASK}"]
    assert "bank-secret" not in str(messages) + str(thinker.shown)


async def test_an_asynchronous_tool_runs_on_the_event_loop(guard: Guard) -> None:
    """And says in words that it cannot run without one."""

    async def alook() -> str:
        """Look."""
        await asyncio.sleep(0)
        return "all is well"

    scoped = scoped_tool(alook, effect="read", name="look")
    thinker = Thinker(("look", {}))
    graph = create_specialist("billing", model=thinker.model, tools=[scoped], guard=guard)

    assert answers((await graph.ainvoke(PAY))["messages"]) == ["all is well"]
    assert "'look' is asynchronous: use ainvoke" in answers(graph.invoke(PAY)["messages"])[0]


def test_a_wrapped_tool_is_heard_once(guard: Guard, drive: Drive) -> None:
    """The guard speaks for it."""
    listener = Listener()

    @tool("look")
    def inner() -> str:
        """Look."""
        return "all is well"

    tools: list[BaseTool] = [scoped_tool(inner, effect="read")]
    graph = create_specialist(
        "billing", model=Thinker(("look", {})).model, tools=tools, guard=guard
    )
    drive(graph.with_config(callbacks=[listener]), PAY)

    assert listener.heard == [("start", "{}", {}), ("end", "all is well")]
