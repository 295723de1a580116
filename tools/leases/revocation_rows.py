"""Owns how leases that are still to end are kept: their rows, by handles and never by secrets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bailiwick.policies.canonical import Json, canonical
from bailiwick.tools.records import tables
from bailiwick.tools.records.statements import Row, Statement

_r = tables.revocations.c
_clock = tables.database_clock()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLease:
    """Hold a lease that was granted, and whose end has not been confirmed.

    Attributes:
        accessor: Its token's handle in Vault.
        lease_id: Vault's lease of what it was given; empty where there is none.
        thread: The thread of its call.
        body: Whose it is, as the ledger says it.
        granted_at: Since when, in epoch seconds of the database's clock.
        ends_at: When Vault ends it by itself; the same clock.
        due_at: From when on any process may see to its end; the same clock.
        tries: How often its end was asked for in vain.
        error: Why the last try failed.
        left: Seconds until Vault ends it by itself; below zero where that should have been.
    """

    accessor: str
    lease_id: str
    thread: str
    body: Mapping[str, Json]
    granted_at: float
    ends_at: float
    due_at: float
    tries: int
    error: str | None
    left: float


def hold(
    connection: Connection, body: Mapping[str, Json], *, thread: str, ttl: float, seconds: float
) -> None:
    """Write down a lease, which for some seconds is its own process's to end."""
    values = {
        "accessor": body["accessor"],
        "lease_id": body["lease_id"],
        "thread": thread,
        "body": canonical(dict(body)).decode(),
        # Vault's own number, whatever it is: SQLite has no integers beyond 64 bits.
        "ttl": float(ttl),
        "pause": seconds,
    }
    _HOLD.change(connection, values)


def keep(connection: Connection, accessors: Sequence[str], seconds: float) -> None:
    """Keep leases this process's own for some more seconds: their calls are under way."""
    connection.execute(_KEEP, {"accessors": list(accessors), "pause": seconds})


def is_any_due(connection: Connection) -> bool:
    """Tell whether there is a lease that nobody has seen to in its time."""
    return bool(_ANY_DUE.all(connection, {}))


def claim(connection: Connection, *, limit: int, seconds: float) -> list[OpenLease]:
    """Return leases that nobody has seen to in their time; for some seconds they are ours."""
    due = [_open(row) for row in _DUE.all(connection, {"many": limit})]
    return [
        lease
        for lease in due
        if _CLAIM.change(
            connection, {"which": lease.accessor, "seen": lease.due_at, "pause": seconds}
        )
    ]


def settle(connection: Connection, accessor: str) -> bool:
    """Forget a lease that has ended; tell whether it was still to end."""
    return _SETTLE.change(connection, {"which": accessor}) == 1


def postpone(connection: Connection, accessor: str, error: str, seconds: float) -> None:
    """Write down that a lease did not end, and when to try again."""
    _POSTPONE.change(connection, {"which": accessor, "why": error, "pause": seconds})


def standing(connection: Connection) -> list[OpenLease]:
    """Return every lease whose end has not been confirmed, oldest first."""
    return [_open(row) for row in _ALL.all(connection, {})]


def _open(row: Row) -> OpenLease:
    return OpenLease(**{**row, "body": json.loads(row["body"])})


_leases = select(tables.revocations, (_r.ends_at - _clock).label("left")).order_by(
    _r.granted_at, _r.accessor
)
_is_due = _r.due_at <= _clock
_ALL = Statement(_leases)
_DUE = Statement(_leases.where(_is_due).limit(bindparam("many")))
_ANY_DUE = Statement(select(_r.accessor).where(_is_due).limit(1))
_HOLD = Statement(
    insert(tables.revocations).values(
        granted_at=_clock,
        ends_at=_clock + bindparam("ttl"),
        due_at=_clock + bindparam("pause"),
        tries=0,
    ),
    columns=("accessor", "lease_id", "thread", "body"),
)
_LATER = {"due_at": _clock + bindparam("pause")}
_KEEP = (
    update(tables.revocations)
    .where(_r.accessor.in_(bindparam("accessors", expanding=True)))
    .values(_LATER)
)
_CLAIM = Statement(
    update(tables.revocations)
    .where(_r.accessor == bindparam("which"), _r.due_at == bindparam("seen"))
    .values(_LATER)
)
_POSTPONE = Statement(
    update(tables.revocations)
    .where(_r.accessor == bindparam("which"))
    .values(**_LATER, tries=_r.tries + 1, error=bindparam("why"))
)
_SETTLE = Statement(delete(tables.revocations).where(_r.accessor == bindparam("which")))
