"""Promise 2: an answer that was given once answers nothing that is asked later."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langgraph.types import Command
from tests.stories.answers import decision
from tests.stories.desk import Desk, Thread
from tests.stories.people import CUSTOMER, MANAGER, REFUND, SECOND_MANAGER


def asks_again(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
    """Ask for the same refund twice, the second time when the first is made."""
    results = [message for message in messages if isinstance(message, ToolMessage)]
    if sum(message.name == "issue_refund" for message in results) > 1:
        return AIMessage("Done.")
    name, args = REFUND
    return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id=None)])


@pytest.fixture(params=["alone", "supervised"])
def thread(request: pytest.FixtureRequest, desk: Desk) -> Thread:
    """Give a thread in which billing asks twice, as the whole graph and below a supervisor."""
    if request.param == "supervised":
        return desk.thread(desk.deploy(billing=asks_again))
    return desk.thread(desk.specialist(asks_again, desk.tools.issue_refund))


def test_a_scalar_answer_and_then_runs_without_input(desk: Desk, thread: Thread) -> None:
    """An answer is not kept for whatever asks next."""
    interrupt = thread.ask()

    thread.run(Command(resume=decision(interrupt)), MANAGER)
    for who in (CUSTOMER, MANAGER, SECOND_MANAGER):
        with suppress(ValueError):
            thread.run(None, who)

    assert desk.refunded == [500]
    assert len(thread.waiting()) == 1


def test_a_double_click_on_a_scalar_answer(desk: Desk, thread: Thread) -> None:
    """The second click does not approve the equal call that nobody has seen yet."""
    interrupt = thread.ask()

    for _ in range(2):
        with suppress(ValueError):
            thread.run(Command(resume=decision(interrupt)), MANAGER)

    assert desk.refunded == [500]
    assert len(thread.waiting()) == 1
