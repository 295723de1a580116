"""Owns what the tests of approval records share: people, a call, and what is done with them."""

from dataclasses import replace

from bailiwick.policies.answers import Approve
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.principals import Principal
from bailiwick.policies.scopes import Scope
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records.ledger import Ledger

CLERK = Principal(id="clerk", roles=frozenset({"manager"}))
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
DEPUTY = Principal(id="deputy", roles=frozenset({"manager"}))
AUDITOR = Principal(id="auditor", roles=frozenset({"audit"}))
NEEDED = Requirement(rule="refund-needs-a-manager", role="manager", reason="money moves")
TWO_NEEDED = replace(NEEDED, quorum=2)
CALL = ToolCall(
    id="call-1",
    thread="thread-1",
    namespace="billing",
    requester="clerk",
    chain=("supervisor",),
    agent="billing",
    tool=ToolUse(name="issue_refund", version="v1", effect="destructive"),
    args={"order_id": "A-17", "amount": "40"},
)


def review(*requirements: Requirement) -> Decision:
    """Return a decision that asks for these approvals."""
    return Decision(
        verdict="review",
        rules=tuple(rule.rule for rule in requirements),
        reason="a refund moves money",
        requirements=requirements,
        policy_version="p1",
    )


def ask(approvals: Approvals, *requirements: Requirement, call: ToolCall = CALL) -> ApprovalRequest:
    """Request the approvals of a call."""
    scope = Scope(path="payments/refund", ttl=30)
    decision = review(*(requirements or (NEEDED,)))
    return approvals.ask(call, decision, scope=scope, description="Refund 40 on order A-17").request


def approve(request: ApprovalRequest) -> Approve:
    """Return the answer that lets the call run."""
    return Approve(action_digest=request.digest)


def consumed(ledger: Ledger, request: ApprovalRequest) -> bool:
    """Use the approval in a transaction of its own."""
    with ledger.transaction() as connection:
        return Approvals(ledger).consume(connection, request)


def kinds(ledger: Ledger) -> list[str]:
    """Return what the ledger has recorded, which must be sound."""
    assert ledger.verify().is_sound
    return [record.kind for record in ledger.records()]
