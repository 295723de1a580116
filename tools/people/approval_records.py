"""Owns what the ledger says of approvals: the form of each record, alike in what it is about."""

from collections.abc import Iterable

from bailiwick.policies.answers import Answer
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval
from bailiwick.policies.canonical import Json
from bailiwick.policies.principals import Principal
from bailiwick.policies.written import rfc3339
from bailiwick.tools.records.ledger import Entry


def requested(request: ApprovalRequest) -> Entry:
    """Say what was asked, as the people who answer see it."""
    shown = request.to_interrupt()
    told = ("args", "description", "reason", "credential", "expires_at")
    return Entry(
        "approval.requested",
        {
            **_about(request),
            **{name: shown[name] for name in told},
            "requirements": shown["rules"],
            "asked_at": rfc3339(request.created_at),
            "effect": request.tool.effect,
            "tool_version": request.tool.version,
            "policy_version": request.policy_version,
        },
    )


def answered(after: Approval, answer: Answer, *, by: Principal, roles: Iterable[str]) -> Entry:
    """Say who answered what, what it counted for, and where the request stands after it."""
    body = {
        **_about(after.request),
        "by": by.id,
        "roles": sorted(roles),
        "answer": answer.model_dump(),
        "state": after.state,
    }
    return Entry("approval.answered", body)


def refused(request: ApprovalRequest, *, by: Principal, kind: str, reason: str) -> Entry:
    """Say who tried to give what kind of answer, and why it was not taken.

    Nothing else of the answer is kept: it may be anything, and of any size.
    """
    body = {
        **_about(request),
        "by": by.id,
        "roles": sorted(by.roles),
        "answer": {"type": kind},
        "reason": reason,
    }
    return Entry("approval.refused", body)


def expired(request: ApprovalRequest) -> Entry:
    """Say that nobody answered in time."""
    return Entry("approval.expired", _about(request))


def cancelled(request: ApprovalRequest, reason: str) -> Entry:
    """Say why nobody need answer any more."""
    return Entry("approval.cancelled", {**_about(request), "reason": reason})


def consumed(request: ApprovalRequest) -> Entry:
    """Say that an approval was used, and cannot be used again."""
    return Entry("approval.consumed", _about(request))


def _about(request: ApprovalRequest) -> dict[str, Json]:
    return {
        "id": request.id,
        "action_digest": request.digest,
        "tool_call_id": request.tool_call_id,
        "requester": request.requester,
        "chain": list(request.chain),
        "agent": request.agent,
        "tool": request.tool.name,
        "rules": list(request.rules),
    }
