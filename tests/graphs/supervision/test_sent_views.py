"""What agents are sent by tools and by other agents, in place of the supervisor's history."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import InjectedState
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel
from tests.graphs.fakes import Agent, Office, Run, ask, check_valid, scripted, told

from bailiwick.agents import create_specialist
from bailiwick.graphs import create_supervisor
from bailiwick.graphs.handoff import METADATA_KEY_HANDOFF_DESTINATION
from bailiwick.policies.principals import Principal
from bailiwick.tools import Guard
from bailiwick.tools.delegation import Delegation, current
from bailiwick.tools.people.principals import acting_as


class Sent(BaseModel):
    """Hold messages in a model."""

    messages: Annotated[list[AnyMessage], add_messages]


@dataclass
class Given:
    """Hold messages in a dataclass."""

    messages: list[AnyMessage]


FORMS = pytest.mark.parametrize(
    "sent",
    [
        {"messages": [{"role": "user", "content": "add"}]},
        {"messages": [("user", "add")]},
        {"messages": ["add"]},
        {"messages": "add"},
        {"messages": ("user", "add")},
        {"messages": {"role": "user", "content": "add"}},
        {"messages": HumanMessage("add")},
        Sent(messages=[HumanMessage("add")]),
        Given(messages=[HumanMessage("add")]),
    ],
    ids=["dicts", "pairs", "texts", "text", "pair", "dict", "message", "model", "dataclass"],
)
NAMED = pytest.mark.parametrize("is_named", [True, False], ids=["named", "unnamed"])


def sending(agent: str, sent: object, *, is_named: bool) -> Any:  # noqa: ANN401 - what `tool` makes
    """Return a tool that sends an agent something, and may name the agent in its metadata."""

    @tool("assign", description="Assign work.")
    def assign() -> Command[str]:
        return Command(goto=[Send(agent, sent)], graph=Command.PARENT)

    assign.metadata = {METADATA_KEY_HANDOFF_DESTINATION: agent} if is_named else None
    return assign


@FORMS
@NAMED
def test_messages_may_be_sent_in_any_form(
    office: Office, run: Run, sent: object, *, is_named: bool
) -> None:
    """The agent reads them; the history keeps neither them nor a call without an answer."""
    app = create_supervisor(
        [office.agent("a")],
        model=scripted(ask("assign"), "x"),
        tools=[sending("a", sent, is_named=is_named)],
        output_mode="full_history",
    ).compile()

    messages = run(app, "help")["messages"]

    assert told(office.views["a"][0]) == [("human", None, "add")]
    assert [m.text for m in messages if "ransfer" not in m.text] == ["help", "a is done", "x"]
    check_valid(messages)


@FORMS
def test_a_specialist_reads_what_it_is_sent(run: Run, sent: object) -> None:
    """By reference, like the history."""
    clerk = scripted("done")
    app = create_supervisor(
        [create_specialist("a", model=clerk)],
        model=scripted(ask("assign"), "x"),
        tools=[sending("a", sent, is_named=False)],
    ).compile()

    run(app, "help")

    assert told(clerk.seen[0]) == [("human", None, "add")]


@NAMED
def test_an_agent_may_be_sent_no_messages(run: Run, *, is_named: bool) -> None:
    """Its own input is all that it needs."""

    class Topic(MessagesState):
        topic: str

    def work(state: Topic) -> dict[str, Any]:
        return {"messages": [AIMessage(f"on {state['topic']}")]}

    agent = StateGraph(Topic).add_node("work", work).add_edge(START, "work").compile(name="a")
    tools = [sending("a", {"topic": "cats"}, is_named=is_named)]
    app = create_supervisor([agent], model=scripted(ask("assign"), "x"), tools=tools).compile()

    assert "on cats" in [message.text for message in run(app, "help")["messages"]]


def test_a_functional_workflow_may_be_sent_anything(run: Run) -> None:
    """It need not take a state."""

    @entrypoint()
    def clerk(given: str) -> dict[str, Any]:
        return {"messages": [AIMessage(f"heard {given}")]}

    clerk.name = "a"
    tools = [sending("a", "a text", is_named=False)]
    app = create_supervisor([clerk], model=scripted(ask("assign"), "x"), tools=tools).compile()

    assert "heard a text" in [message.text for message in run(app, "help")["messages"]]


def test_what_was_sent_does_not_come_back_after_an_answer(run: Run) -> None:
    """A message without an id is the same one when the agent goes on."""

    def wait(state: MessagesState) -> dict[str, Any]:  # noqa: ARG001 - a node takes the state
        return {"messages": [AIMessage(f"heard {interrupt('well?')}")]}

    agent = StateGraph(MessagesState).add_node(wait).add_edge(START, "wait").compile(name="a")
    app = create_supervisor(
        [agent],
        model=scripted(ask("assign"), "x"),
        tools=[sending("a", {"messages": [("user", "add")]}, is_named=False)],
        output_mode="full_history",
    ).compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}

    run(app, "help", config)
    messages = run(app, Command(resume="yes"), config)["messages"]

    assert [message.text for message in messages][:2] == ["help", "heard yes"]


def test_a_call_beside_others_is_answered_where_its_tool_only_sends(
    office: Office, run: Run
) -> None:
    """The supervisor's message stays for the sake of the others."""

    @tool
    def look() -> str:
        """Look."""
        return "seen"

    tools = [look, sending("a", {"messages": "add"}, is_named=False)]
    model = scripted(ask("assign", "look"), "waiting", "x")

    messages = run(
        create_supervisor([office.agent("a")], model=model, tools=tools).compile(), "help"
    )["messages"]

    assert [m.text for m in messages if m.type == "tool"][:2] == [
        "Successfully transferred",
        "seen",
    ]
    assert len(office.views["a"]) == 1
    check_valid(messages)


def test_an_answer_that_a_tool_sends_stays_in_the_history(office: Office, run: Run) -> None:
    """A tool may answer its call in the view of the agent alone."""

    @tool
    def assign(state: Annotated[dict[str, Any], InjectedState]) -> Command[str]:
        """Assign work."""
        (call,) = state["messages"][-1].tool_calls
        answer = {"role": "tool", "content": "assigned", "tool_call_id": call["id"]}
        view = {**state, "messages": [*state["messages"], answer]}
        return Command(goto=[Send("a", view)], graph=Command.PARENT)

    app = create_supervisor(
        [office.agent("a")], model=scripted(ask("assign"), "x"), tools=[assign]
    ).compile()

    messages = run(app, "help")["messages"]

    assert told(office.views["a"][0])[-1] == ("tool", None, "assigned")
    assert [message.text for message in messages][2:4] == ["assigned", "a is done"]
    check_valid(messages)


def passing(name: str, sent: object) -> Agent:
    """Return an agent that sends another one something."""

    def pass_on(state: MessagesState) -> Command[str]:  # noqa: ARG001 - a node takes the state
        return Command(goto=[Send("b", sent)], graph=Command.PARENT)

    graph = StateGraph(MessagesState).add_node("pass_on", pass_on).add_edge(START, "pass_on")
    return graph.compile(name=name)


@FORMS
def test_an_agent_may_send_another_one_messages_in_any_form(
    office: Office, run: Run, sent: object
) -> None:
    """Agents hand over as tools do."""
    agents = [passing("a", sent), office.agent("b")]
    app = create_supervisor(agents, model=scripted(ask("transfer_to_a"), "waiting", "x")).compile()

    run(app, "help")

    assert told(office.views["b"][0]) == [("human", None, "add")]


@FORMS
def test_a_guarded_agent_reads_what_it_is_sent(guard: Guard, run: Run, sent: object) -> None:
    """And it is on record who asked."""
    clerk = scripted("done")
    agents = [create_specialist("a", model=clerk, guard=guard)]
    app = create_supervisor(agents, model=scripted("waiting", "x"), guard=guard).compile()

    with acting_as(Principal(id="alice")):
        run(app, Command(goto=Send("a", sent)), {"configurable": {"thread_id": "t"}})

    assert told(clerk.seen[0]) == [("human", None, "add")]
    first, *_ = guard.ledger.records("t", "request")
    assert first.body["requester"] == "alice"


def test_who_sends_no_messages_has_asked_as_well(guard: Guard, run: Run) -> None:
    """Whoever carries the run on is not taken for the one who asked."""
    asked: list[Delegation | None] = []

    def wait(state: MessagesState) -> dict[str, Any]:  # noqa: ARG001 - a node takes the state
        asked.append(current())
        return {"messages": [AIMessage(f"heard {interrupt('well?')}")]}

    agent = StateGraph(MessagesState).add_node(wait).add_edge(START, "wait").compile(name="a")
    graph = create_supervisor([agent], model=scripted("waiting", "x"), guard=guard)
    app = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}

    with acting_as(Principal(id="alice")):
        run(app, Command(goto=Send("a", {"topic": ("cats", 7)})), config)
    with acting_as(Principal(id="bob")):
        run(app, Command(resume="yes"), config)

    assert [each.requester for each in asked if each] == ["alice", "alice"]
