"""Owns what the ledger says of a lease: the form of each record, and what Vault's audit is told."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import Json
from bailiwick.tools.records.ledger import Entry
from bailiwick.tools.secrets.leases import Basis, Lease

End: TypeAlias = Literal["revoked", "spent", "expired", "gone", "unknown"]
"""How a lease ended: revoked, by its one use, by its time, before anybody revoked it; or nobody
can tell."""


AHEAD = "bailiwick.leases"
"""The ledger's chain of what is leased for no call yet."""


def granted(call: ToolCall, lease: Lease, approvers: tuple[str, ...] = ()) -> Entry:
    """Say which credential a call holds, with what joins it to Vault's own audit."""
    requests = [each for each in (lease.mint_request, lease.read_request) if each]
    return Entry(
        "lease.granted",
        {
            **handles(call, lease),
            "approvers": list(approvers),
            "ttl": lease.ttl,
            "ttl_asked": lease.ttl_asked,
            "request_ids": requests,
            **({"ahead": True} if lease.is_ahead else {}),
        },
    )


def ready(basis: Basis, lease: Lease) -> Entry:
    """Say that a child waits for a call: whose it may be, and what that was decided on."""
    return Entry(
        "lease.ready",
        {
            **waiting(basis, lease),
            "tool_version": basis.tool.version,
            "policy_version": basis.policy_version,
            "ttl": lease.ttl,
            "ttl_asked": lease.ttl_asked,
            "request_ids": [lease.mint_request],
            "ahead": True,
        },
    )


def waiting(basis: Basis, lease: Lease) -> dict[str, Json]:
    """Say what `handles` says, of a child that no call has."""
    return {
        "tool_call_id": "",
        "requester": "",
        "chain": [],
        "agent": basis.agent,
        "tool": basis.tool.name,
        **_known(lease),
    }


def reused(call: ToolCall, lease: Lease) -> Entry:
    """Say that a call shares a lease that another call of its run has taken."""
    return Entry("lease.reused", handles(call, lease))


def failed(call: ToolCall, reason: str) -> Entry:
    """Say that a call got no credential."""
    return Entry("lease.failed", {**call.parties, "reason": reason})


def ended(body: Mapping[str, Json], end: End, *, tries: int, failure: str | None = None) -> Entry:
    """Say how a call's credential ended.

    Args:
        body: Whose it was, as `handles` says.
        end: How it ended.
        tries: How often its end was asked for.
        failure: Why nobody can tell.
    """
    return Entry("lease.revoked", {**body, "end": end, "tries": tries, "failure": failure})


def handles(call: ToolCall, lease: Lease) -> dict[str, Json]:
    """Say whose a lease is and by what it is known in Vault: never a secret."""
    return {**call.parties, **_known(lease)}


def meta(call: ToolCall, approvers: tuple[str, ...]) -> dict[str, str]:
    """Return what Vault's own audit shall say of a lease."""
    approved = {"approver": ", ".join(approvers)} if approvers else {}
    return {
        "agent": call.agent,
        "chain": "/".join(call.chain),
        "requester": call.requester,
        "thread": call.thread,
        "tool": call.tool.name,
        "tool_call_id": call.id,
        **approved,
    }


def meta_ahead(basis: Basis) -> dict[str, str]:
    """Return what Vault's own audit shall say of a child that no call has yet."""
    return {
        "made": "ahead",
        "tool_version": basis.tool.version,
        "policy_version": basis.policy_version,
    }


def _known(lease: Lease) -> dict[str, Json]:
    return {
        "accessor": lease.accessor,
        "lease_id": lease.lease_id,
        "role": lease.role,
        "leased": lease.kind,
        "path": lease.path,
    }
