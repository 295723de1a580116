"""Owns what the ledger says of a call: the form of each record a guard writes."""

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import Json, digest, plain
from bailiwick.policies.decisions import Decision
from bailiwick.policies.scopes import Scope
from bailiwick.tools.leases import Lease
from bailiwick.tools.ledger import Entry
from bailiwick.tools.results import ToolResult


def decision(call: ToolCall, decided: Decision) -> Entry:
    """Say who wanted what, and what the policy said."""
    return Entry(
        "decision",
        {
            **_who(call),
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
            **_who(call),
            "call": call.digest(policy_version),
            "scope": None if scope is None else f"{scope.mount}/{scope.path}",
        },
    )


def ended(call: ToolCall, policy_version: str, result: ToolResult) -> Entry:
    """Say what came of a call; its result stands as a digest."""
    return Entry(
        "call.ended",
        {
            **_who(call),
            "call": call.digest(policy_version),
            "outcome": result.outcome,
            "result": digest(plain(result.content)),
        },
    )


def leased(call: ToolCall, lease: Lease) -> Entry:
    """Say which credential a call holds, with what joins it to Vault's own audit."""
    return Entry(
        "lease.granted",
        {
            **_who(call),
            **_lease(lease),
            "ttl": lease.ttl,
            "request_ids": [lease.mint_request, lease.read_request],
        },
    )


def lease_failed(call: ToolCall, reason: str) -> Entry:
    """Say that a call got no credential."""
    return Entry("lease.failed", {**_who(call), "reason": reason})


def revoked(call: ToolCall, lease: Lease, failure: str | None) -> Entry:
    """Say that a call's credential was revoked, or why it ends by its ttl alone."""
    return Entry("lease.revoked", {**_who(call), **_lease(lease), "failure": failure})


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


def lease_meta(call: ToolCall) -> dict[str, str]:
    """Return what Vault's own audit shall say of a lease."""
    return {
        "agent": call.agent,
        "chain": "/".join(call.chain),
        "requester": call.requester,
        "thread": call.thread,
        "tool": call.tool.name,
        "tool_call_id": call.id,
    }


def _who(call: ToolCall) -> dict[str, Json]:
    return {
        "tool_call_id": call.id,
        "requester": call.requester,
        "chain": list(call.chain),
        "agent": call.agent,
        "tool": call.tool.name,
    }


def _lease(lease: Lease) -> dict[str, Json]:
    return {"accessor": lease.accessor, "role": lease.role, "path": lease.path}
