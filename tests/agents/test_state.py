"""What an agent's state tells: which of its calls are open, and whether results are to come."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from bailiwick.agents.state import LastTurn


def call(identity: str | None) -> dict[str, Any]:
    """Return a model's call of a tool."""
    return {"name": "pay", "args": {}, "id": identity, "type": "tool_call"}


def said(*ids: str | None, by: str = "billing") -> AIMessage:
    """Return an agent's message with calls of these ids."""
    return AIMessage("", id="m", name=by, tool_calls=[call(each) for each in ids])


def result(identity: str) -> ToolMessage:
    """Return the answer to a call."""
    return ToolMessage("x", tool_call_id=identity)


@pytest.mark.parametrize(
    ("messages", "open_ids", "is_waiting"),
    [
        ([], [], False),
        ([HumanMessage("x")], [], False),
        ([said()], [], False),
        ([said("1"), result("1")], [], False),
        ([said("1")], ["1"], False),
        ([said("1", "2"), result("1")], ["2"], True),
        ([said("1", "2"), result("1"), HumanMessage("x")], ["2"], False),
        ([said("1", "1"), result("1")], ["1"], True),
        ([said("1", "1"), result("1"), result("1")], [], False),
        ([said(None), result("")], [], False),
        ([said("1", "2", by="supervisor"), result("1")], [], False),
        ([said("1", "2"), said("3", by="other"), result("3")], [], False),
    ],
    ids=[
        "nothing",
        "a person",
        "no calls",
        "all answered",
        "no answer yet",
        "one answer of two",
        "a person went on",
        "one id for two",
        "one id for two, both answered",
        "no id",
        "another agent's",
        "another agent went on",
    ],
)
def test_what_is_open_of_the_last_turn(
    messages: list[BaseMessage],
    open_ids: list[str],
    is_waiting: bool,  # noqa: FBT001 - a table
) -> None:
    """Results are waited for while nothing but results comes in, and only to calls of its own."""
    turn = LastTurn.of(messages, "billing")

    assert [each["id"] for each in turn.open_calls] == open_ids
    assert turn.is_waiting is is_waiting
