"""Approval records are asked once and release one call once, all recorded."""

import time
from dataclasses import replace

import pytest
from tests.tools.asked import (
    CALL,
    CLERK,
    MANAGER,
    NEEDED,
    TWO_NEEDED,
    approve,
    ask,
    consumed,
    kinds,
    review,
)

from bailiwick.policies.answers import Approve
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.written import rfc3339
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records.ledger import Ledger


def about(request: ApprovalRequest) -> dict[str, object]:
    """Return what every record of a request says of it."""
    return {
        "id": request.id,
        "action_digest": request.digest,
        "tool_call_id": "call-1",
        "requester": "clerk",
        "chain": ["supervisor"],
        "agent": "billing",
        "tool": "issue_refund",
        "rules": list(request.rules),
    }


def test_nothing_is_pending_at_first(approvals: Approvals) -> None:
    """No request, nothing granted, nothing to consume, nothing to answer."""
    assert approvals.pending() == ()
    assert approvals.list() == ()
    with pytest.raises(ApprovalError, match="there is no request 'nothing'"):
        approvals.get("nothing")
    with pytest.raises(ApprovalError, match="there is no request"):
        approvals.answer("nothing", Approve(action_digest="0" * 64), by=MANAGER)


def test_an_unknown_request_cannot_be_consumed(ledger: Ledger, approvals: Approvals) -> None:
    """Nor does the attempt leave a record."""
    request = ask(approvals)
    assert not consumed(ledger, replace(request, id="0" * 32))
    assert kinds(ledger) == ["approval.requested"]


@pytest.mark.parametrize(
    "decision",
    [
        review(),
        replace(review(NEEDED), verdict="allow"),
        replace(review(NEEDED), verdict="deny"),
    ],
    ids=["review-without-requirements", "allow", "deny"],
)
def test_nothing_is_asked_where_no_approval_would_help(decision: Decision) -> None:
    """A request that needs nothing would be approved by nothing."""
    ledger = Ledger("sqlite://")
    with pytest.raises(ApprovalError, match="nobody can approve 'issue_refund'"):
        Approvals(ledger).ask(CALL, decision, scope=None, description="")
    ledger.close()


def test_a_request_says_all_and_is_recorded(ledger: Ledger, approvals: Approvals) -> None:
    """What comes back out of the database is what was put in."""
    request = ask(approvals, TWO_NEEDED, Requirement(rule="audit", role="audit", expires=60))
    assert request.id == CALL.digest("p1")[:32]
    assert request.digest == CALL.digest("p1")
    assert request.expires_at - request.created_at == pytest.approx(60)
    assert abs(request.created_at - time.time()) < 60
    assert approvals.get(request.id) == Approval(request=request, state="pending")

    (record,) = ledger.records("thread-1")
    assert record.kind == "approval.requested"
    shown = request.to_interrupt()
    asked = ("args", "description", "reason", "credential", "expires_at")
    assert record.body == {
        **about(request),
        **{name: shown[name] for name in asked},
        "requirements": shown["rules"],
        "asked_at": rfc3339(request.created_at),
        "effect": "destructive",
        "tool_version": "v1",
        "policy_version": "p1",
    }


def test_a_request_is_made_once(ledger: Ledger, approvals: Approvals) -> None:
    """A node that runs again finds what stands; whoever resumes is not the one who asked."""
    first = ask(approvals)
    assert ask(approvals, call=replace(CALL, requester="manager")) == first
    with pytest.raises(ApprovalError, match="'clerk' asked for"):
        approvals.answer(first.id, approve(first), by=CLERK)
    approvals.answer(first.id, approve(first), by=MANAGER)
    assert ask(approvals) == first
    assert approvals.get(first.id).state == "approved"
    assert kinds(ledger) == ["approval.requested", "approval.refused", "approval.answered"]


def test_other_calls_are_other_requests(approvals: Approvals) -> None:
    """Other arguments, another place, another thread: each is asked for."""
    calls = [
        CALL,
        CALL.with_args({"amount": "41"}),
        replace(CALL, id="2"),
        replace(CALL, thread="b"),
    ]
    assert len({ask(approvals, call=call).id for call in calls}) == 4
    assert len(approvals.pending()) == 4
    assert [found.request.thread for found in approvals.pending("b")] == ["b"]


def test_an_approval_releases_the_call_once(ledger: Ledger, approvals: Approvals) -> None:
    """Pending, approved, consumed; each step recorded before it counts."""
    request = ask(approvals)
    assert approvals.get(request.id).roles == frozenset()
    assert not consumed(ledger, request)

    answered = approvals.answer(request.id, approve(request), by=MANAGER)
    assert (answered.state, answered.decided_by) == ("approved", "manager")
    assert answered == approvals.get(request.id)
    assert [(grant.principal, grant.role) for grant in answered.grants] == [("manager", "manager")]
    assert approvals.get(request.id).roles == {"manager"}
    assert approvals.pending() == ()

    assert consumed(ledger, request)
    assert not consumed(ledger, request)
    assert approvals.get(request.id).state == "consumed"
    assert approvals.get(request.id).roles == frozenset()
    assert kinds(ledger) == ["approval.requested", "approval.answered", "approval.consumed"]
    answer = next(ledger.records(kind="approval.answered")).body
    assert answer == {
        **about(request),
        "by": "manager",
        "roles": ["manager"],
        "answer": {"type": "approve", "action_digest": request.digest},
        "state": "approved",
    }


def test_an_approval_is_found_by_its_exact_call(ledger: Ledger, approvals: Approvals) -> None:
    """Under the same policy, with the same arguments, at the same place."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    with ledger.reading() as connection:
        found = approvals.approved(connection, CALL, "p1")
        assert found is not None
        assert found.request == request
        assert found.roles == {"manager"}
        assert approvals.approved(connection, CALL, "p2") is None
        assert approvals.approved(connection, CALL.with_args({}), "p1") is None


def test_another_digest_consumes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """The approval stays for the call it was given for."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    assert not consumed(ledger, replace(request, digest="0" * 64))
    assert consumed(ledger, request)


def test_a_transaction_that_fails_consumes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """The use and the intent of the call are kept together, or neither is."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)

    def fail() -> None:
        with ledger.transaction() as connection:
            assert approvals.consume(connection, request)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert approvals.get(request.id).state == "approved"
    assert "approval.consumed" not in kinds(ledger)
