"""Owns the answer to who held what: each lease from its record to its end, joined with Vault's."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from bailiwick.tools.leases import revocation_rows
from bailiwick.tools.leases.revocation_rows import OpenLease
from bailiwick.tools.records.chain import Record
from bailiwick.tools.records.ledger import Ledger

Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLease:
    """Tell of one lease: who held what, under whose authority, and until when.

    Attributes:
        thread: The thread of its call; the ledger's own chain of leases where no call had it.
        agent: The agent that held it.
        chain: The agents that the request came through.
        requester: Who had asked; empty where no call had it.
        approvers: Who had approved the call.
        tool: The tool.
        tool_call_id: The call.
        leased: The kind of thing that it was.
        path: Its API path, as in Vault's audit.
        role: The token role.
        accessor: The token's handle in Vault.
        lease_id: Vault's lease of what the token was given, or empty.
        request_ids: Of the requests that made it, as in Vault's audit.
        ttl_asked: Seconds that were asked for.
        ttl: Seconds that were given.
        calls: How many calls have held it: more than one only where a run's reads share it, none
            where it was made ahead and no call came.
        ahead: Whether it was made before there was a call for it.
        granted_at: Since when, as RFC 3339 text.
        used_until: When its call had ended, or None.
        ended_at: When its end was known, or None.
        end: How it ended; `alive` or, past its time, `unconfirmed` where that is not known yet.
        tries: How often its end was asked for.
        failure: Why it has not ended, or why nobody can tell.
    """

    thread: str
    agent: str
    chain: tuple[str, ...]
    requester: str
    approvers: tuple[str, ...]
    tool: str
    tool_call_id: str
    leased: str
    path: str
    role: str
    accessor: str
    lease_id: str
    request_ids: tuple[str, ...]
    ttl_asked: int
    ttl: int
    calls: int
    ahead: bool
    granted_at: str
    used_until: str | None
    ended_at: str | None
    end: str
    tries: int
    failure: str | None

    @property
    def is_open(self) -> bool:
        """Whether its end is not known: it may be alive."""
        return self.ended_at is None


def lease_history(ledger: Ledger, thread: str | None = None) -> Iterator[HeldLease]:
    """Iterate over the leases of one thread or of all, thread by thread, each in its order.

    Of all, those come last that were made ahead and that no call has had.

    Raises:
        LedgerError: If the database fails.
    """
    ends = {
        str(r.body["accessor"]): (r.at, r.body) for r in ledger.records(thread, "lease.revoked")
    }
    used = {
        (r.thread, str(r.body["tool_call_id"])): r.at for r in ledger.records(thread, "call.ended")
    }
    shared = Counter(str(r.body["accessor"]) for r in ledger.records(thread, "lease.reused"))
    with ledger.reading() as connection:
        standing = {each.accessor: each for each in revocation_rows.standing(connection)}
    taken: set[str] = set()
    for record in ledger.records(thread, "lease.granted"):
        accessor, call = str(record.body["accessor"]), str(record.body["tool_call_id"])
        ended = used.get((record.thread, call), "")
        taken.add(accessor)
        # A lease to look what came of a call in doubt is younger than the call.
        until = ended if ended >= record.at else None
        end = _end(ends.get(accessor), standing.get(accessor))
        yield _held(record, end, calls=1 + shared[accessor], used_until=until)
    for record in ledger.records(thread, "lease.ready"):
        accessor = str(record.body["accessor"])
        if accessor not in taken:
            yield _held(record, _end(ends.get(accessor), standing.get(accessor)), calls=0)


def _held(
    record: Record, end: Mapping[str, Any], *, calls: int, used_until: str | None = None
) -> HeldLease:
    return HeldLease(
        thread=record.thread,
        calls=calls,
        granted_at=record.at,
        used_until=used_until,
        **_known(record.body),
        **end,
    )


def _known(body: Body) -> dict[str, Any]:
    return {
        "agent": body["agent"],
        "chain": tuple(body["chain"]),
        "requester": body["requester"],
        "approvers": tuple(body.get("approvers", ())),
        "tool": body["tool"],
        "tool_call_id": body["tool_call_id"],
        "leased": body.get("leased", "kv"),
        "path": body["path"],
        "role": body["role"],
        "accessor": body["accessor"],
        "lease_id": body.get("lease_id", ""),
        "request_ids": tuple(body["request_ids"]),
        "ttl_asked": body.get("ttl_asked", body["ttl"]),
        "ttl": body["ttl"],
        "ahead": body.get("ahead", False),
    }


def _end(ended: tuple[str, Body] | None, standing: OpenLease | None) -> dict[str, Any]:
    if ended is not None:
        at, body = ended
        how = {"end": body.get("end", "revoked"), "tries": body.get("tries", 1)}
        return {"ended_at": at, **how, "failure": body["failure"]}
    if standing is None:
        # Its row was removed by somebody else than us.
        return {"ended_at": None, "end": "unconfirmed", "tries": 0, "failure": None}
    end = "alive" if standing.left > 0 else "unconfirmed"
    return {"ended_at": None, "end": end, "tries": standing.tries, "failure": standing.error}
