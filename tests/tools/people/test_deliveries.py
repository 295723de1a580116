"""What ends a request puts its thread into the outbox."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from tests.tools.asked import DEPUTY, MANAGER
from tests.tools.people.due import approve, ask, claim_next, claimed, ids, let_expire, let_pass

from bailiwick.policies.answers import Answer, Approve, Edit, EditedAction, Reject, Respond
from bailiwick.policies.errors import ApprovalError
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import GRACE, Deliveries
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


def test_nothing_is_due_at_first(outbox: Deliveries) -> None:
    """No request, nothing to deliver."""
    assert claim_next(outbox) is None
    assert outbox.list() == ()


def test_a_request_that_is_open_is_not_due(approvals: Approvals, outbox: Deliveries) -> None:
    """Nor is one that lacks an approval."""
    request = ask(approvals, quorum=2)
    assert claim_next(outbox) is None
    approve(approvals, request)
    assert claim_next(outbox) is None
    approve(approvals, request, by=DEPUTY)
    assert ids(claimed(outbox)) == [request.id]


ANSWERS: dict[str, Callable[[str], Answer]] = {
    "approve": lambda digest: Approve(action_digest=digest),
    "edit": lambda digest: Edit(
        action_digest=digest, edited_action=EditedAction(name="issue_refund", args={"amount": 3})
    ),
    "reject": lambda digest: Reject(action_digest=digest, message="no"),
    "respond": lambda digest: Respond(action_digest=digest, message="done by phone"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_answer_that_ends_a_request_is_due_at_once(
    approvals: Approvals, outbox: Deliveries, kind: str
) -> None:
    """With the answer, and with who asked."""
    request = ask(approvals)
    answer = ANSWERS[kind](request.digest)
    approvals.answer(request.id, answer, by=MANAGER)
    claim = claimed(outbox)
    assert (claim.thread, claim.requester, claim.attempts) == ("thread-1", "customer", 0)
    assert [approval.answer for approval in claim.approvals] == [answer]
    assert claim.approvals[0].decided_roles == {"manager"}
    assert 0 <= claim.age < 60


def test_a_cancelled_request_is_due(approvals: Approvals, outbox: Deliveries) -> None:
    """Its thread must hear, too."""
    request = ask(approvals)
    assert approvals.cancel(request.id, reason="the order is closed")
    assert not approvals.cancel(request.id, reason="the order is closed")
    assert ids(claimed(outbox)) == [request.id]


def test_an_expired_request_is_due_when_it_was_swept(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """Once, with one record; an open one and one of another thread are left alone."""
    request, other, _ = ask(approvals), ask(approvals, thread="b"), ask(approvals, call="2")
    assert approvals.expire() == 0
    let_expire(ledger, request)
    let_expire(ledger, other)
    assert approvals.expire("thread-1") == 1
    assert approvals.expire("thread-1") == 0
    (expired,) = ledger.records(kind="approval.expired")
    assert (expired.body["id"], expired.body["tool"]) == (request.id, "issue_refund")
    assert ids(claimed(outbox)) == [request.id]
    assert approvals.expire() == 1
    assert ids(claimed(outbox)) == [other.id]


def test_an_answer_that_comes_too_late_is_due_as_expired(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """The answer is refused, the thread hears of the expiry."""
    request = ask(approvals)
    let_expire(ledger, request)
    with pytest.raises(ApprovalError, match="expired"):
        approve(approvals, request)
    assert [approval.state for approval in claimed(outbox).approvals] == ["expired"]


def test_a_refused_answer_is_not_due(approvals: Approvals, outbox: Deliveries) -> None:
    """What ends nothing, wakes nobody."""
    request = ask(approvals, requester="manager")
    with pytest.raises(ApprovalError, match="may not approve it"):
        approve(approvals, request)
    assert outbox.list() == ()


def test_a_transaction_that_fails_delivers_nothing(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """Answer and delivery are kept together, or neither is."""
    request = ask(approvals)
    with ledger.transaction() as connection:
        connection.execute(text("DROP TABLE deliveries"))
        tables.deliveries.create(connection)
        connection.execute(text("ALTER TABLE deliveries RENAME COLUMN due_at TO gone"))
    with pytest.raises(Exception, match="ledger"):
        approve(approvals, request)
    assert approvals.get(request.id).state == "pending"
    with ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE deliveries RENAME COLUMN gone TO due_at"))
    approve(approvals, request)
    assert ids(claimed(outbox)) == [request.id]


def test_a_run_that_took_the_answer_itself_gets_time(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """It goes on by itself; only if it did not, somebody has to see to it."""
    request = ask(approvals)
    answer = Approve(action_digest=request.digest)
    approvals.take(approvals.get(request.id), answer, by=MANAGER)
    assert claim_next(outbox) is None
    let_pass(ledger, GRACE)
    assert ids(claimed(outbox)) == [request.id]
