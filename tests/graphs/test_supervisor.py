"""What a supervisor does with one agent at a time."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import START, MessagesState, StateGraph
from tests.graphs.fakes import Office, Run, answer, ask, check_valid, scripted, told
from typing_extensions import TypedDict

from bailiwick.graphs import create_supervisor
from bailiwick.graphs.handoff import (
    METADATA_KEY_HANDOFF_DESTINATION,
    METADATA_KEY_IS_HANDOFF_BACK,
)


def test_a_supervisor_without_agents_answers_by_itself(run: Run) -> None:
    """With nobody to hand over to, the model's answer is the end."""
    app = create_supervisor([], model=scripted("hello")).compile()

    result = run(app, "hi")

    assert told(result["messages"]) == [("human", None, "hi"), ("ai", "supervisor", "hello")]


def test_a_hand_off_runs_the_agent_and_comes_back(office: Office, run: Run) -> None:
    """The history tells the hand-off, the agent's last message and the way back."""
    model = scripted(ask("transfer_to_clerk"), "all done")
    app = create_supervisor([office.agent("clerk")], model=model).compile()

    messages = run(app, "help")["messages"]

    assert told(messages) == [
        ("human", None, "help"),
        ("ai", "supervisor", ""),
        ("tool", "transfer_to_clerk", "Successfully transferred to clerk"),
        ("ai", "clerk", "clerk is done"),
        ("ai", "clerk", "Transferring back to supervisor"),
        ("tool", "transfer_back_to_supervisor", "Successfully transferred back to supervisor"),
        ("ai", "supervisor", "all done"),
    ]
    assert messages[2].response_metadata == {METADATA_KEY_HANDOFF_DESTINATION: "clerk"}
    assert messages[4].response_metadata == {METADATA_KEY_IS_HANDOFF_BACK: True}
    assert messages[5].response_metadata == {METADATA_KEY_IS_HANDOFF_BACK: True}
    check_valid(messages)


def test_the_agent_reads_the_history_up_to_its_own_hand_off(office: Office) -> None:
    """What the supervisor said, with its answer, is the end of the agent's view."""
    app = create_supervisor(
        [office.agent("clerk")], model=scripted(ask("transfer_to_clerk"), "x")
    ).compile()

    app.invoke({"messages": [HumanMessage("help")]})

    assert told(office.views["clerk"][0]) == [
        ("human", None, "help"),
        ("ai", "supervisor", ""),
        ("tool", "transfer_to_clerk", "Successfully transferred to clerk"),
    ]


def test_a_task_is_read_by_the_agent_and_by_nobody_else(office: Office, run: Run) -> None:
    """The task stands last in the agent's view and does not come back, not even in full."""
    model = scripted(ask(("transfer_to_clerk", {"task": "count the chairs"})), "x")
    graph = create_supervisor([office.agent("clerk")], model=model, output_mode="full_history")

    messages = run(graph.compile(), "help")["messages"]

    assert told(office.views["clerk"][0])[-1] == ("human", "supervisor", "count the chairs")
    assert [m for m in messages if m.type == "human"] == [messages[0]]


def test_a_task_reaches_the_agent_without_hand_off_messages(office: Office) -> None:
    """An agent that cannot read its hand-off in the history gets the task all the same."""
    model = scripted(ask(("transfer_to_clerk", {"task": "count the chairs"})), "x")
    graph = create_supervisor([office.agent("clerk")], model=model, add_handoff_messages=False)

    messages = graph.compile().invoke({"messages": [HumanMessage("help")]})["messages"]

    assert told(office.views["clerk"][0]) == [
        ("human", None, "help"),
        ("human", "supervisor", "count the chairs"),
    ]
    assert told(messages) == [
        ("human", None, "help"),
        ("ai", "clerk", "clerk is done"),
        ("ai", "supervisor", "x"),
    ]


def test_the_full_history_has_what_the_agent_said_once(office: Office, run: Run) -> None:
    """All that the agent added is there, and nothing of what it was shown is there twice."""
    looked = ask("look")
    work = [looked, answer(looked, "seen"), AIMessage("found")]
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor(
        [office.agent("clerk", *work)], model=model, output_mode="full_history"
    )

    messages = run(graph.compile(), "help")["messages"]

    assert [text for _, _, text in told(messages)][3:6] == ["", "seen", "found"]
    assert len(messages) == 9
    check_valid(messages)


def test_a_last_tool_message_keeps_the_call_before_it(office: Office) -> None:
    """An agent that ends with a tool's result leaves the call in the history, too."""
    looked = ask("look")
    work = [AIMessage("hm"), looked, answer(looked, "seen")]
    app = create_supervisor(
        [office.agent("clerk", *work)],
        model=scripted(ask("transfer_to_clerk"), "x"),
    ).compile()

    messages = app.invoke({"messages": [HumanMessage("help")]})["messages"]

    assert [message.text for message in messages[3:5]] == ["", "seen"]
    check_valid(messages)


def test_an_agent_that_adds_nothing_leaves_nothing() -> None:
    """What the agent was shown is not taken for its answer."""

    def nothing(state: MessagesState) -> MessagesState:
        return {"messages": state["messages"]}

    silent = StateGraph(MessagesState).add_node("nothing", nothing).add_edge(START, "nothing")
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor(
        [silent.compile(name="clerk")], model=model, add_handoff_back_messages=False
    )

    messages = graph.compile().invoke({"messages": [HumanMessage("help")]})["messages"]

    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]


def test_other_keys_of_an_agents_state_pass_through(office: Office, run: Run) -> None:
    """An agent reads and writes the keys that it shares with the supervisor's state."""

    class Shared(MessagesState):
        ticket: str

    clerk = office.agent("clerk", schema=Shared, ticket="closed")
    model = scripted(ask("transfer_to_clerk"), "x")
    app = create_supervisor([clerk], model=model, state_schema=Shared).compile()

    result = run(app, {"messages": [HumanMessage("help")], "ticket": "open"})

    assert result["ticket"] == "closed"


class Shaped(TypedDict):
    """Have no place for messages."""

    structured_response: Any


@pytest.mark.parametrize(
    ("schema", "missing"), [(MessagesState, "structured_response"), (Shaped, "messages")]
)
def test_a_state_without_a_place_for_what_comes_is_refused(schema: Any, missing: str) -> None:  # noqa: ANN401 - a state's class
    """At once: a structured answer would be made, paid for and dropped."""
    shape = {"title": "Answer", "type": "object", "properties": {}}

    with pytest.raises(ValueError, match=rf"Missing required key\(s\) {{'{missing}'}}"):
        create_supervisor([], model=scripted("x"), response_format=shape, state_schema=schema)


def test_a_hand_off_without_messages_leaves_only_the_answer(office: Office, run: Run) -> None:
    """Neither the hand-off nor the way back is kept, and the agent sees none either."""
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor([office.agent("clerk")], model=model, add_handoff_messages=False)

    messages = run(graph.compile(), "help")["messages"]

    assert told(office.views["clerk"][0]) == [("human", None, "help")]
    assert [message.name for message in messages] == [None, "clerk", "supervisor"]


def test_a_run_can_be_streamed(office: Office) -> None:
    """Each step shows under the name of what ran."""
    app = create_supervisor(
        [office.agent("clerk")], model=scripted(ask("transfer_to_clerk"), "x")
    ).compile()

    updates = list(app.stream({"messages": [HumanMessage("help")]}, stream_mode="updates"))

    assert [next(iter(update)) for update in updates] == ["supervisor", "clerk", "supervisor"]


async def test_a_run_can_be_streamed_message_by_message(office: Office) -> None:
    """What the model and the agents say can be read while the run goes on."""
    app = create_supervisor(
        [office.agent("clerk")], model=scripted(ask("transfer_to_clerk"), "x")
    ).compile()

    given = {"messages": [HumanMessage("help")]}
    parts: list[Any] = [part async for part, _ in app.astream(given, stream_mode="messages")]

    assert [part.text for part in parts if part.name == "supervisor"][-1] == "x"
    assert "clerk is done" in [part.text for part in parts]
