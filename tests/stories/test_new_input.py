"""Promise 2: what waits when the conversation goes on is over, and no answer brings it back."""

from contextlib import suppress

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from tests.stories.desk import Desk, Thread
from tests.stories.people import CUSTOMER, MANAGER, ORDER, REQUEST
from tests.stories.races import approve
from tests.stories.scripts import asks

from bailiwick.graphs.supervision.opening import Hook
from bailiwick.policies.errors import ApprovalError

NEVER_MIND = {"messages": [HumanMessage("Never mind. How is the weather?")]}


def change_nothing(_: object) -> dict[str, object]:
    """Stand as a hook between the supervisor's model and what it leads to."""
    return {}


@pytest.fixture(params=["alone", "supervised"])
def thread(request: pytest.FixtureRequest, desk: Desk) -> Thread:
    """Give a thread in which billing is the whole graph, and one in which it is below others."""
    return desk.billing() if request.param == "alone" else desk.thread()


def test_new_input_while_a_call_waits(desk: Desk, thread: Thread) -> None:
    """The question is gone, on the record too, and neither way to answer it does anything."""
    interrupt = thread.ask()
    thread.run(NEVER_MIND)

    with pytest.raises(ApprovalError, match="cancelled"):
        approve(desk, interrupt)
    for who in (MANAGER, CUSTOMER):
        with suppress(ValueError):
            thread.answer(interrupt, who)
        thread.run(None, who)

    assert desk.refunded == []
    assert desk.guard.approvals.pending(thread.id) == ()
    assert thread.is_done()


def test_no_call_is_left_open_in_the_history(thread: Thread) -> None:
    """Model providers refuse a conversation in which a call has no answer."""
    thread.ask()
    thread.run(NEVER_MIND)

    said = [message for message in thread.messages() if isinstance(message, AIMessage)]
    asked = {call["id"] for message in said for call in message.tool_calls}
    answers = [message for message in thread.messages() if isinstance(message, ToolMessage)]
    # The supervisor says in a call that an agent is back, and answers that itself.
    assert asked == {answer.tool_call_id for answer in answers}


def test_new_input_after_an_approval_that_was_not_used(desk: Desk, thread: Thread) -> None:
    """Approved by somebody outside of the conversation, which went on: it is not found later."""
    interrupt = thread.ask()
    approve(desk, interrupt)
    (before, *_) = thread.configs()
    thread.run(NEVER_MIND)

    for who in (CUSTOMER, MANAGER):
        thread.run(None, who, before)
        with suppress(ValueError):
            thread.answer(interrupt, who)

    assert desk.refunded == []
    assert desk.guard.approvals.get(interrupt.value["id"]).state == "cancelled"


def test_the_same_request_again(desk: Desk, thread: Thread) -> None:
    """It is asked about again: the answer to the first question is none to the second."""
    first = thread.ask()
    thread.run({"messages": [HumanMessage(REQUEST)]})
    with suppress(ValueError):
        thread.answer(first)
    assert desk.refunded == []

    for question in thread.waiting():
        assert question.value["action_digest"] != first.value["action_digest"]
        thread.answer(question)
    assert desk.refunded in ([500], [])
    assert thread.is_done()


@pytest.mark.parametrize("hook", [None, change_nothing], ids=["plain", "with a hook"])
def test_new_input_while_a_call_waits_whose_sibling_ran(desk: Desk, hook: Hook | None) -> None:
    """The agent is gone with its results; the supervisor reads what the record says, once."""
    wanted = [("issue_refund", {"order_id": ORDER, "amount": each}) for each in ("5.00", "6.00")]
    thread = desk.thread(desk.deploy(billing=asks(*wanted), hook=hook))
    thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)
    (small,) = [each for each in thread.waiting() if each.value["args"]["amount"] == "5"]
    thread.answer(small)
    assert desk.refunded == [500]
    for _ in range(2):
        thread.run({"messages": [HumanMessage("Never mind. How is the weather?")]})

    told = [each for each in thread.results() if "broke its work off" in each]
    assert len(told) == 1
    assert f"issue_refund(order_id={ORDER}, amount=5): Refunded 5.00 EUR" in told[0]
    assert "amount=6" not in told[0]
    assert desk.refunded == [500]
    assert thread.is_done()


def test_new_input_while_the_only_call_waits(desk: Desk) -> None:
    """The supervisor reads that nothing was done."""
    thread = desk.thread()
    thread.ask()
    thread.run(NEVER_MIND)
    (told,) = [each for each in thread.results() if "broke its work off" in each]
    assert told.endswith("It had changed nothing.")
