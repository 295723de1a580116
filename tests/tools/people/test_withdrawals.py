"""What was asked in a conversation that went on without it is over, used or answered no more."""

import pytest
from tests.tools.governed import CLERK, MANAGER, call_of, pay_tool

from bailiwick.policies.answers import Approve
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.errors import ApprovalError
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.withdrawals import withdraw_all


def ask(guard: Guard, amount: int, thread: str = "t") -> ApprovalRequest:
    """Ask for a payment that needs a manager."""
    call = call_of(pay_tool([]), {"to": "shop", "amount": amount}, thread=thread)
    return guard.approvals.ask(call, guard.decide(call), scope=None, description="Pay.").request


def approve(guard: Guard, request: ApprovalRequest) -> None:
    """Approve a request."""
    guard.approvals.answer(request.id, Approve(action_digest=request.digest), by=MANAGER)


def consume(guard: Guard, request: ApprovalRequest) -> bool:
    """Use an approval up."""
    with guard.ledger.transaction() as connection:
        return guard.approvals.consume(connection, request)


def withdraw(guard: Guard) -> None:
    """End what is open in thread `t`."""
    with guard.ledger.transaction() as connection:
        withdraw_all(guard.ledger, connection, "t", "it went on")


def test_where_nothing_was_asked_nothing_is_withdrawn(guard: Guard) -> None:
    """And nothing is recorded."""
    withdraw(guard)

    assert list(guard.ledger.records()) == []


def test_what_waits_can_be_answered_no_more(guard: Guard) -> None:
    """Whoever comes late is told why."""
    request = ask(guard, 140)
    withdraw(guard)

    assert guard.approvals.get(request.id).state == "cancelled"
    with pytest.raises(ApprovalError, match="cancelled"):
        approve(guard, request)


def test_an_approval_that_was_not_used_can_be_used_no_more(guard: Guard) -> None:
    """It was given for what the conversation went past."""
    request = ask(guard, 140)
    approve(guard, request)
    withdraw(guard)

    assert guard.approvals.get(request.id).state == "cancelled"
    assert not consume(guard, request)


def test_what_was_used_stays_used(guard: Guard) -> None:
    """The call has run, or is about to."""
    request = ask(guard, 140)
    approve(guard, request)
    assert consume(guard, request)
    withdraw(guard)

    assert guard.approvals.get(request.id).state == "consumed"


def test_other_threads_go_on_waiting(guard: Guard) -> None:
    """A conversation ends nothing but its own questions."""
    other = ask(guard, 140, thread="other")
    withdraw(guard)

    assert guard.approvals.get(other.id).state == "pending"


def test_a_new_message_withdraws_what_waits(guard: Guard) -> None:
    """A run that goes on with a message is no new input; another message is."""
    guard.requests.requester("t", "first", CLERK, is_input=True)
    request = ask(guard, 140)

    guard.requests.requester("t", "first", MANAGER, is_input=True)
    assert guard.approvals.get(request.id).state == "pending"
    guard.requests.requester("t", "second", MANAGER, is_input=True)
    assert guard.approvals.get(request.id).state == "cancelled"
    assert guard.ledger.verify().is_sound


def test_a_message_between_agents_withdraws_nothing(guard: Guard) -> None:
    """One agent that sets another a task goes past nobody's question."""
    request = ask(guard, 140)

    guard.requests.requester("t", "task", CLERK)

    assert guard.approvals.get(request.id).state == "pending"
