"""Answers are taken from the right people, in time, once, and all are recorded."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, func, select, update
from tests.tools.asked import (
    AUDITOR,
    CALL,
    CLERK,
    DEPUTY,
    MANAGER,
    TWO_NEEDED,
    approve,
    ask,
    consumed,
    kinds,
)
from tests.waiting import wait_for

from bailiwick.policies.answers import Answer, Approve, Edit, EditedAction, Reject, Respond
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.policies.written import rfc3339
from bailiwick.tools.people import approval_rows
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


def rejected(request: ApprovalRequest) -> Reject:
    """Return the answer that forbids the call."""
    return Reject(action_digest=request.digest, message="too much")


def responded(request: ApprovalRequest) -> Respond:
    """Return the answer that stands in the tool's place."""
    return Respond(action_digest=request.digest, message="by phone")


def edited(request: ApprovalRequest) -> Edit:
    """Return the answer that lets another call run."""
    action = EditedAction(name="issue_refund", args={"order_id": "A-17", "amount": "30"})
    return Edit(action_digest=request.digest, edited_action=action)


def let_expire(ledger: Ledger, request: ApprovalRequest) -> None:
    """Move the expiry of a request to a millisecond ago by the database's clock."""
    with ledger.transaction() as connection:
        expire_in(connection, request, -0.001)


def expire_in(connection: Connection, request: ApprovalRequest, seconds: float) -> None:
    """Move the expiry of a request to so many seconds from now by the database's clock."""
    row = update(tables.approvals).where(tables.approvals.c.id == request.id)
    connection.execute(row.values(expires_at=tables.database_clock() + seconds))


def test_a_quorum_takes_different_people(ledger: Ledger, approvals: Approvals) -> None:
    """One person twice is refused; the second one completes it."""
    request = ask(approvals, TWO_NEEDED)
    first = approvals.answer(request.id, approve(request), by=MANAGER)
    assert (first.state, first.decided_by, first.answer) == ("pending", None, None)
    assert not consumed(ledger, request)
    with pytest.raises(ApprovalError, match="'manager' has approved"):
        approvals.answer(request.id, approve(request), by=MANAGER)
    second = approvals.answer(request.id, approve(request), by=DEPUTY)
    assert second.state == "approved"
    assert [grant.principal for grant in approvals.get(request.id).grants] == ["manager", "deputy"]
    states = [record.body["state"] for record in ledger.records(kind="approval.answered")]
    assert states == ["pending", "approved"]


@pytest.mark.parametrize(
    ("answer", "state", "how"),
    [
        (rejected, "rejected", "rejected"),
        (responded, "cancelled", "answered in the tool's place"),
        (edited, "cancelled", "edited"),
    ],
    ids=["reject", "respond", "edit"],
)
def test_other_answers_end_the_request(
    ledger: Ledger,
    approvals: Approvals,
    answer: Callable[[ApprovalRequest], Answer],
    state: str,
    how: str,
) -> None:
    """The answer is kept, this call can never run, and a second answer learns who was first."""
    request = ask(approvals, TWO_NEEDED)
    approvals.answer(request.id, approve(request), by=DEPUTY)
    given = answer(request)
    ended = approvals.answer(request.id, given, by=MANAGER)
    assert (ended.state, ended.answer, ended.decided_by) == (state, given, "manager")
    assert approvals.get(request.id) == ended
    assert not consumed(ledger, request)
    with pytest.raises(ApprovalError, match=rf"was {how} by 'manager' at .*: nothing is left"):
        approvals.answer(request.id, approve(request), by=Principal(id="x", roles=MANAGER.roles))
    recorded = list(ledger.records(kind="approval.answered"))[-1].body
    assert (recorded["answer"], recorded["roles"]) == (given.model_dump(), [])


@pytest.mark.parametrize(
    ("by", "why"),
    [(CLERK, "asked for"), (AUDITOR, "takes the role"), (Principal(id="x"), "takes the role")],
    ids=["requester", "other-role", "no-role"],
)
def test_who_may_not_answer_changes_nothing(
    ledger: Ledger, approvals: Approvals, by: Principal, why: str
) -> None:
    """Whatever got past the interrupt's own check."""
    request = ask(approvals)
    for attempt in (approvals.check, approvals.answer):
        with pytest.raises(ApprovalError, match=why):
            attempt(request.id, approve(request), by=by)
    assert approvals.get(request.id) == Approval(request=request, state="pending")
    assert kinds(ledger) == ["approval.requested", "approval.refused"]


def test_what_is_no_answer_changes_nothing(approvals: Approvals) -> None:
    """Such as the form that comes by a resume."""
    request = ask(approvals)
    given: Any = {"type": "approve", "action_digest": request.digest}
    with pytest.raises(ApprovalError, match="give Approve, Edit, Reject or Respond"):
        approvals.answer(request.id, given, by=MANAGER)
    assert approvals.get(request.id).state == "pending"


def test_a_stale_answer_changes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """It is the answer to another call."""
    request = ask(approvals)
    stale = Approve(action_digest=CALL.digest("p0"))
    for attempt in (approvals.check, approvals.answer):
        with pytest.raises(ApprovalError, match="to another call"):
            attempt(request.id, stale, by=MANAGER)
    assert kinds(ledger) == ["approval.requested", "approval.refused"]


def test_checking_changes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """It refuses what answering would refuse, and only that."""
    request = ask(approvals)
    approvals.check(request.id, approve(request), by=MANAGER)
    assert approvals.get(request.id).state == "pending"
    approvals.answer(request.id, approve(request), by=MANAGER)
    with pytest.raises(ApprovalError, match="was approved by 'manager'"):
        approvals.check(request.id, approve(request), by=DEPUTY)
    assert kinds(ledger)[2:] == ["approval.refused"]


def test_an_answer_that_comes_late_is_too_late(ledger: Ledger, approvals: Approvals) -> None:
    """The request is expired for good, once, and the ledger says so."""
    request = ask(approvals)
    let_expire(ledger, request)
    assert approvals.get(request.id).state == "expired"
    assert approvals.pending() == ()
    for _ in range(2):
        with pytest.raises(ApprovalError, match=r"expired at .*: have the agent ask again"):
            approvals.answer(request.id, approve(request), by=MANAGER)
    assert [found.request.id for found in approvals.list(state="expired")] == [request.id]
    assert not consumed(ledger, request)
    assert kinds(ledger) == ["approval.requested", "approval.expired", "approval.refused"]


def test_an_approval_that_was_not_used_in_time_is_void(
    ledger: Ledger, approvals: Approvals
) -> None:
    """By the clock of the database, without any sweep."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    assert approvals.list(state="approved")
    let_expire(ledger, request)
    assert approvals.get(request.id).state == "expired"
    assert approvals.get(request.id).roles == frozenset()
    with ledger.reading() as connection:
        assert approvals.approved(connection, CALL, "p1") is None
    assert not consumed(ledger, request)
    assert approvals.list(state="approved") == ()
    assert len(approvals.list(state="expired")) == 1


def test_nothing_expires_on_record_before_it_does(ledger: Ledger, approvals: Approvals) -> None:
    """A record has the time of its transaction, and says nothing that was not so by then."""
    request = ask(approvals)
    with ledger.transaction() as connection:
        ledger.lock(connection, request.thread)
        expire_in(connection, request, 0.1)
        wait_for(lambda: approval_rows.find(connection, request.id).state == "expired")  # type: ignore[union-attr]  # it is there
        assert not approval_rows.expire(connection, request.id)

    assert approvals.expire() == 1
    (record,) = ledger.records(kind="approval.expired")
    assert record.at >= rfc3339(approvals.get(request.id).request.expires_at)


def test_a_request_expires_while_time_passes(ledger: Ledger, approvals: Approvals) -> None:
    """Also within one open transaction."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    with ledger.transaction() as connection:
        assert approvals.approved(connection, CALL, "p1") is not None
        expire_in(connection, request, 0.1)
        time.sleep(0.11)
        assert approvals.approved(connection, CALL, "p1") is None
        assert not approvals.consume(connection, request)


def test_the_clock_is_the_database_s(ledger: Ledger) -> None:
    """In seconds with fractions, also in comparisons with what is stored."""
    clock = tables.database_clock()
    with ledger.reading() as connection:
        first, second = (connection.execute(select(clock)).scalar_one() for _ in range(2))
        assert isinstance(first, float)
        assert 0 < second - first < 5
        assert connection.execute(select(clock < bindparam("then", first + 60))).scalar_one()
        assert connection.execute(select(func.round(clock))).scalar_one() > 1_700_000_000


def test_a_request_that_nobody_needs_is_cancelled(ledger: Ledger, approvals: Approvals) -> None:
    """Once, and only while it is pending."""
    request = ask(approvals)
    assert approvals.cancel(request.id, reason="new input")
    assert not approvals.cancel(request.id, reason="new input")
    with pytest.raises(ApprovalError, match="is cancelled: nothing is left"):
        approvals.answer(request.id, approve(request), by=MANAGER)
    with pytest.raises(ApprovalError, match="there is no request"):
        approvals.cancel("nothing", reason="")
    assert kinds(ledger) == ["approval.requested", "approval.cancelled", "approval.refused"]


def test_requests_are_listed_oldest_first(approvals: Approvals) -> None:
    """By state, by thread, and not more than asked for."""
    requests = [ask(approvals, call=replace(CALL, id=str(n))) for n in range(3)]
    approvals.answer(requests[1].id, approve(requests[1]), by=MANAGER)
    ids = [request.id for request in requests]
    assert [found.request.id for found in approvals.list()] == ids
    assert [found.request.id for found in approvals.list(limit=2)] == ids[:2]
    assert [found.request.id for found in approvals.list(state="approved")] == [ids[1]]
    assert [found.request.id for found in approvals.pending("thread-1")] == [ids[0], ids[2]]
    assert approvals.list(thread="elsewhere") == ()
