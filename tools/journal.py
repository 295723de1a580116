"""Owns what the ledger says of a call: the form of each record a guard writes."""

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import Json, digest, plain
from bailiwick.policies.decisions import Decision
from bailiwick.policies.principals import Principal
from bailiwick.policies.scopes import Scope
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.records.ledger import Entry
from bailiwick.tools.results import ToolResult


def decision(call: ToolCall, decided: Decision) -> Entry:
    """Say who wanted what, and what the policy said."""
    return Entry(
        "decision",
        {
            **call.parties,
            "args": call.plain_args,
            "labels": sorted(call.labels),
            "effect": call.tool.effect,
            "tool_version": call.tool.version,
            "verdict": decided.verdict,
            "rules": list(decided.rules),
            "reason": decided.reason,
            "detail": decided.detail,
            "policy_version": decided.policy_version,
        },
    )


def started(call: ToolCall, policy_version: str, scope: Scope | None) -> Entry:
    """Say that a call is about to run: written before it can have any effect."""
    return Entry(
        "call.started",
        {
            **call.parties,
            "call": call.digest(policy_version),
            "scope": None if scope is None else f"{scope.mount}/{scope.path}",
        },
    )


def ended(
    call: ToolCall, policy_version: str, result: ToolResult, *, is_late: bool = False
) -> Entry:
    """Say what came of a call; its result stands as a digest.

    Args:
        call: The call.
        policy_version: The version of the policy that allowed it.
        result: What came of it.
        is_late: Whether it was settled by then: what somebody had found out may be wrong.
    """
    return Entry(
        "call.ended",
        {
            **call.parties,
            "call": call.digest(policy_version),
            "outcome": result.outcome,
            "result": digest(plain(result.content)),
            **({"late": True} if is_late else {}),
        },
    )


def settled(
    call: CallRecord, outcome: str, *, by: Principal, reason: str, thread: str | None
) -> Entry:
    """Say who found out what had come of a call in doubt, or has it tried again, and where."""
    return Entry(
        "call.settled",
        {
            **_what(call),
            "by": by.id,
            "roles": sorted(by.roles),
            "outcome": outcome,
            "reason": reason,
            **({} if thread is None else {"thread": thread}),
        },
    )


def reconciled(call: CallRecord, outcome: str, detail: str) -> Entry:
    """Say what the system itself says of a call in doubt, as its tool's `reconcile` asked it."""
    return Entry("call.reconciled", {**_what(call), "outcome": outcome, "detail": detail})


def handoff(
    decided: Decision, *, chain: tuple[str, ...], agent: str, to: str, requester: str
) -> Entry:
    """Say which agent handed the conversation to which, and what the policy said."""
    return Entry(
        "handoff",
        {
            "agent": agent,
            "chain": list(chain),
            "to": to,
            "requester": requester,
            "verdict": decided.verdict,
            "rules": list(decided.rules),
            "reason": decided.reason,
            "policy_version": decided.policy_version,
        },
    )


def _what(call: CallRecord) -> dict[str, Json]:
    return {
        "call": call.key,
        "tool_call_id": call.tool_call_id,
        "requester": call.requester,
        "agent": call.agent,
        "tool": call.tool,
    }
