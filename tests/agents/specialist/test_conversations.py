"""What a specialist reads, says and keeps of a conversation."""

import logging

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
)
from langgraph.checkpoint.memory import InMemorySaver
from tests.agents.specialist.thinkers import PAY, Thinker, kept, open_questions, pays
from tests.driven import THREAD, Drive

from bailiwick.agents import create_specialist
from bailiwick.agents.specialist import ENTERED, entered_at_model
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.delegation import delegate
from bailiwick.tools.guard import Guard


def test_a_specialist_without_tools_talks(guard: Guard, drive: Drive) -> None:
    """With and without a guard."""
    for given in (None, guard):
        graph = create_specialist("billing", model=Thinker().model, guard=given)
        messages = drive(graph, {"messages": [HumanMessage("stop")]})["messages"]

        assert [each.text for each in messages] == ["stop", "done"]


def test_a_specialist_hears_messages_in_any_form() -> None:
    """Those of LangChain's documentation, which type checkers take, too."""
    graph = create_specialist("billing", model=Thinker().model)
    results = [
        graph.invoke({"messages": [{"role": "user", "content": "stop"}]}),
        graph.invoke({"messages": [("user", "stop")]}),
        graph.invoke({"messages": HumanMessage("stop")}),
        graph.invoke({"messages": "stop"}),
    ]
    assert [result["messages"][0].text for result in results] == ["stop"] * 4


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


def test_under_a_supervisor_a_specialist_begins_with_its_model(
    guard: Guard, pay: ScopedTool, drive: Drive
) -> None:
    """LangGraph's step for the input is left out, and with it a task and a checkpoint."""
    specialist = create_specialist("billing", model=pays(40).model, tools=[pay], guard=guard)
    checkpointer = InMemorySaver()
    entered = entered_at_model(specialist).copy({"checkpointer": checkpointer})

    history = PAY["messages"]
    with delegate(supervisor="supervisor", agent="billing", requester="clerk", history=history):
        messages = drive(entered, ENTERED)["messages"]

    assert [each.text for each in messages] == ["", "paid 40 to shop", "done"]
    states = entered.get_state_history(THREAD)
    assert [state.next for state in states] == [(), ("model",), ("execute",), ("model",)]


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
