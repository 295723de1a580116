"""Owns what the tests of approvals share: people, requirements, a request, answers to it."""

from typing import Any

from bailiwick.policies.answers import Edit, EditedAction
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.calls import Effect, ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.grants import Grant
from bailiwick.policies.principals import Principal
from bailiwick.policies.scopes import Scope

CLERK = Principal(id="clerk", roles=frozenset({"manager"}))
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
DEPUTY = Principal(id="deputy", roles=frozenset({"manager"}))
AUDITOR = Principal(id="auditor", roles=frozenset({"audit"}))
CHIEF = Principal(id="chief", roles=frozenset({"manager", "audit"}))
MANAGER_NEEDED = Requirement(rule="refund-needs-a-manager", role="manager", reason="money moves")
AUDIT_NEEDED = Requirement(rule="large-needs-audit", role="audit")


def request_for(
    *requirements: Requirement, effect: Effect = "destructive", scope: Scope | None = None
) -> ApprovalRequest:
    """Return a clerk's request for a refund."""
    call = ToolCall(
        id="call-1",
        thread="thread-1",
        namespace="billing",
        requester="clerk",
        chain=("supervisor",),
        agent="billing",
        tool=ToolUse(name="issue_refund", version="v1", effect=effect),
        args={"order_id": "A-17", "amount": "40"},
    )
    decision = Decision(
        verdict="review",
        rules=tuple(rule.rule for rule in requirements),
        reason="a refund moves money",
        requirements=requirements or (MANAGER_NEEDED,),
        policy_version="p1",
    )
    return ApprovalRequest.of(
        call, decision, scope=scope, description="Refund 40 on order A-17", now=1_000_000.0
    )


REQUEST = request_for(MANAGER_NEEDED)


def granted(*people: str, role: str = "manager") -> tuple[Grant, ...]:
    """Return grants of one role by these people."""
    return tuple(Grant(principal=person, role=role, at=1.0) for person in people)


def edit(name: str = "issue_refund", **args: Any) -> Edit:  # noqa: ANN401 - arguments of a tool
    """Return an edit of the request."""
    return Edit(action_digest=REQUEST.digest, edited_action=EditedAction(name=name, args=args))
