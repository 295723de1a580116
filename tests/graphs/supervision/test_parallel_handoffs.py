"""What happens to several calls in one message of the supervisor."""

from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt
from tests.graphs.fakes import Office, Run, ask, calls_of, check_valid, scripted, told
from typing_extensions import TypedDict

from bailiwick.graphs import create_supervisor
from bailiwick.graphs.supervision.workers import OutputMode


class Plain(TypedDict):
    """Hold messages in LangGraph's own channel, which keeps the order of writing."""

    messages: Annotated[list[AnyMessage], add_messages]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


SCHEMAS = pytest.mark.parametrize("schema", [None, Plain], ids=["default", "add_messages"])


@SCHEMAS
def test_all_agents_of_a_turn_run_and_all_answers_arrive(
    office: Office, run: Run, schema: type[Any] | None
) -> None:
    """The supervisor is called once, with what every agent said, in an order providers accept."""
    model = scripted(ask("transfer_to_a", "transfer_to_b"), "both done")
    agents = [office.agent("a"), office.agent("b")]
    app = create_supervisor(agents, model=model, state_schema=schema).compile()

    messages = run(app, "help")["messages"]

    assert [m.text for m in messages if m.name in {"a", "b"}] == [
        "a is done",
        "Transferring back to supervisor",
        "b is done",
        "Transferring back to supervisor",
    ]
    assert len(model.seen) == 2
    check_valid(messages)


def test_each_agent_sees_its_own_hand_off_alone(office: Office, run: Run) -> None:
    """A call that is still open elsewhere would make the agent's provider refuse the history."""
    wanted = ask("transfer_to_a", ("transfer_to_b", {"task": "only b"}))
    agents = [office.agent("a"), office.agent("b")]

    run(create_supervisor(agents, model=scripted(wanted, "x")).compile(), "help")

    (seen_by_a,), (seen_by_b,) = office.views["a"], office.views["b"]
    assert calls_of(seen_by_a[1]) == ["transfer_to_a"]
    assert told(seen_by_a)[-1] == ("tool", "transfer_to_a", "Successfully transferred to a")
    assert calls_of(seen_by_b[1]) == ["transfer_to_b"]
    assert told(seen_by_b)[-1] == ("human", "supervisor", "only b")
    check_valid(seen_by_a)
    check_valid(seen_by_b)


@SCHEMAS
def test_one_agent_can_be_handed_two_tasks_at_once(
    office: Office, run: Run, schema: type[Any] | None
) -> None:
    """Each task is a run of its own, and both answers arrive."""
    wanted = ask(*(("transfer_to_a", {"task": task}) for task in ("first", "second")))
    model = scripted(wanted, "x")
    app = create_supervisor([office.agent("a")], model=model, state_schema=schema).compile()

    messages = run(app, "help")["messages"]

    assert sorted(view[-1].text for view in office.views["a"]) == ["first", "second"]
    assert [m.text for m in messages].count("a is done") == 2
    assert len(model.seen) == 2
    check_valid(messages)


@pytest.mark.parametrize("mode", ["full_history", "last_message"])
def test_the_parts_that_agents_were_shown_do_not_come_back(
    office: Office, run: Run, mode: OutputMode
) -> None:
    """The supervisor's message stands in the history once, whole."""
    wanted = ask("transfer_to_a", "transfer_to_b")
    agents = [office.agent("a"), office.agent("b")]
    app = create_supervisor(agents, model=scripted(wanted, "x"), output_mode=mode).compile()

    messages = run(app, "help")["messages"]

    assert len(messages) == 11
    assert [len(m.tool_calls) for m in messages if m.name == "supervisor"] == [2, 0]
    check_valid(messages)


@SCHEMAS
def test_a_tool_beside_a_hand_off_runs_and_keeps_its_result(
    office: Office, run: Run, schema: type[Any] | None
) -> None:
    """Both happen in the same step, and the result answers its call before the agent speaks."""
    model = scripted(ask("transfer_to_a", ("add", {"a": 1, "b": 2})), "x")
    agents = [office.agent("a")]
    app = create_supervisor(agents, model=model, tools=[add], state_schema=schema).compile()

    messages = run(app, "help")["messages"]

    assert sorted(text for kind, _, text in told(messages[2:4]) if kind == "tool") == [
        "3",
        "Successfully transferred to a",
    ]
    assert len(model.seen) == 2
    check_valid(messages)


def test_a_tool_beside_a_hidden_hand_off_keeps_its_call(office: Office, run: Run) -> None:
    """Without hand-off messages the call of the tool stays, alone, and the agent sees neither."""
    model = scripted(ask("transfer_to_a", ("add", {"a": 1, "b": 2})), "x")
    app = create_supervisor(
        [office.agent("a")], model=model, tools=[add], add_handoff_messages=False
    ).compile()

    messages = run(app, "help")["messages"]

    assert calls_of(messages[1]) == ["add"]
    assert told(messages)[2:] == [
        ("tool", "add", "3"),
        ("ai", "a", "a is done"),
        ("ai", "supervisor", "x"),
    ]
    assert told(office.views["a"][0]) == [("human", None, "help")]
    check_valid(messages)


def test_several_hidden_hand_offs_run_side_by_side(office: Office, run: Run) -> None:
    """With nothing to tell them apart in the history, both agents read it as it is."""
    wanted = ask("transfer_to_a", ("transfer_to_b", {"task": "only b"}))
    agents = [office.agent("a"), office.agent("b")]
    app = create_supervisor(
        agents, model=scripted(wanted, "x"), add_handoff_messages=False
    ).compile()

    messages = run(app, "help")["messages"]

    assert told(office.views["a"][0]) == [("human", None, "help")]
    assert told(office.views["b"][0])[-1] == ("human", "supervisor", "only b")
    assert [message.name for message in messages] == [None, "a", "b", "supervisor"]


def test_two_agents_may_return_the_value_they_were_given(office: Office, run: Run) -> None:
    """A key that both leave as it was is no conflict between them."""

    class Shared(MessagesState):
        ticket: str

    agents = [office.agent(name, schema=Shared) for name in ("a", "b")]
    model = scripted(ask("transfer_to_a", "transfer_to_b"), "x")
    app = create_supervisor(agents, model=model, state_schema=Shared).compile()

    result = run(app, {"messages": [HumanMessage("help")], "ticket": "open"})

    assert result["ticket"] == "open"


def test_an_unknown_tool_is_answered_and_the_others_run(office: Office, run: Run) -> None:
    """A name that the model made up gets an error with the names there are."""
    model = scripted(ask("transfer_to_nobody", "transfer_to_a"), "x")
    app = create_supervisor([office.agent("a")], model=model, tools=[add]).compile()

    messages = run(app, "help")["messages"]

    assert messages[2].status == "error"
    assert (
        "transfer_to_nobody is not a valid tool, try one of [add, transfer_to_a]"
        in messages[2].text
    )
    assert "a is done" in [message.text for message in messages]
    check_valid(messages)


def test_an_unknown_tool_alone_goes_back_to_the_model(run: Run) -> None:
    """The model reads the error and goes on."""
    model = scripted(ask("transfer_to_nobody"), "sorry")

    messages = run(create_supervisor([], model=model).compile(), "help")["messages"]

    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]


def test_an_agent_that_waits_for_a_person_does_not_run_its_siblings_again(
    office: Office, run: Run
) -> None:
    """When the answer comes, only the agent that asked goes on, with the view it had."""

    def wait(state: MessagesState) -> dict[str, Any]:
        office.views["a"].append(list(state["messages"]))
        return {"messages": [AIMessage(f"heard {interrupt('well?')}", name="a")]}

    waiting = StateGraph(MessagesState).add_node("wait", wait).add_edge(START, "wait")
    agents = [waiting.compile(name="a"), office.agent("b")]
    wanted = ask(("transfer_to_a", {"task": "ask"}), "transfer_to_b")
    graph = create_supervisor(agents, model=scripted(wanted, "x"), output_mode="full_history")
    app, config = graph.compile(checkpointer=InMemorySaver()), {"configurable": {"thread_id": "t"}}

    assert len(run(app, "help", config)["__interrupt__"]) == 1
    messages = run(app, Command(resume="yes"), config)["messages"]

    assert len(office.views["b"]) == 1
    assert office.views["a"][0] == office.views["a"][1]
    assert next(m.text for m in messages if m.name == "a") == "heard yes"
    assert [m.type for m in messages].count("human") == 1
    check_valid(messages)
