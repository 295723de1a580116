"""Owns how requests end in the tests of deliveries, and what is then claimed."""

from dataclasses import replace

from sqlalchemy import update
from tests.tools.asked import CALL, MANAGER, NEEDED
from tests.tools.asked import ask as request_of

from bailiwick.policies.answers import Approve
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import Claim, Deliveries
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


def ask(
    approvals: Approvals,
    *,
    thread: str = "thread-1",
    call: str = "call-1",
    requester: str = "customer",
    quorum: int = 1,
) -> ApprovalRequest:
    """Request the approval of a refund."""
    asked = replace(CALL, id=call, thread=thread, requester=requester)
    return request_of(approvals, replace(NEEDED, quorum=quorum), call=asked)


def approve(approvals: Approvals, request: ApprovalRequest, by: Principal = MANAGER) -> None:
    """Approve it, not in a run of its thread."""
    approvals.answer(request.id, Approve(action_digest=request.digest), by=by)


def let_pass(ledger: Ledger, seconds: float) -> None:
    """Make everything in the outbox as much older."""
    due_at = tables.deliveries.c.due_at
    with ledger.transaction() as connection:
        connection.execute(update(tables.deliveries).values(due_at=due_at - seconds))


def let_expire(ledger: Ledger, request: ApprovalRequest) -> None:
    """Move a request's end into the past."""
    with ledger.transaction() as connection:
        connection.execute(
            update(tables.approvals)
            .where(tables.approvals.c.id == request.id)
            .values(expires_at=request.created_at)
        )


def claim_next(outbox: Deliveries, thread: str | None = None) -> Claim | None:
    """Claim the first of what is due, if anything is."""
    claims = (outbox.claim(due) for due in outbox.due(thread))
    return next((claim for claim in claims if claim), None)


def claimed(outbox: Deliveries, thread: str | None = None) -> Claim:
    """Claim something that must be there."""
    claim = claim_next(outbox, thread)
    assert claim is not None
    return claim


def ids(claim: Claim) -> list[str]:
    """Return which requests a claim is about."""
    return [approval.request.id for approval in claim.approvals]
