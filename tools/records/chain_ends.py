"""Owns the ends of the ledger's chains, where what a transaction appends is joined to them."""

from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, func, insert, select

from bailiwick.policies.errors import LedgerError
from bailiwick.policies.written import rfc3339
from bailiwick.tools.records import chain, tables
from bailiwick.tools.records.chain import GENESIS
from bailiwick.tools.records.database import now
from bailiwick.tools.records.statements import Statement

REMEMBERED = 10_000
"""Of how many chains the end is kept in memory."""

Appended: TypeAlias = tuple[str, str]
"""The kind of a record and its body as canonical JSON."""

_End: TypeAlias = tuple[int, str]
_START: _End = (0, GENESIS)


class ChainEnds:
    """Join records to the ends of chains, each of which it remembers from the last time.

    Nothing stands on the memory: the statement that writes records does so only where the chain
    still ends as is believed, and otherwise the end is read.
    """

    def __init__(self) -> None:
        self._known: dict[str, _End] = {}

    def join(self, connection: Connection, thread: str, appended: Sequence[Appended]) -> None:
        """Write records behind all others of a thread, within a transaction that holds its lock.

        Raises:
            LedgerError: If the chain has no end that anything could be joined to.
        """
        end = self._known.get(thread, _START)
        if (after := _joined(connection, thread, appended, end)) is None:
            after = _joined(connection, thread, appended, _read(connection, thread))
        if after is None:
            raise LedgerError(f"the chain of thread {thread!r} has no end: verify the ledger")
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[thread] = after


def _joined(
    connection: Connection, thread: str, appended: Sequence[Appended], end: _End
) -> _End | None:
    (length, previous), at = end, rfc3339(now(connection))
    rows: list[dict[str, str | int]] = []
    for seq, (kind, text) in enumerate(appended, start=length + 1):
        hashed = chain.link(previous, thread=thread, seq=seq, at=at, kind=kind, text=text)
        rows.append(
            {
                "thread": thread,
                "seq": seq,
                "at": at,
                "kind": kind,
                "body": text,
                "previous": previous,
                "hash": hashed,
            }
        )
        previous = hashed
    return (length + len(rows), previous) if _JOIN.each(connection, rows) == len(rows) else None


def _read(connection: Connection, thread: str) -> _End:
    last = _LAST.one(connection, {"thread": thread})
    return (last["seq"], last["hash"]) if last else _START


_of_thread = tables.records.c.thread == bindparam("thread")
_newest = tables.records.c.seq.desc()
_hash = select(tables.records.c.hash).where(_of_thread).order_by(_newest).limit(1)
_LAST = Statement(
    select(tables.records.c.seq, tables.records.c.hash).where(_of_thread).order_by(_newest).limit(1)
)
_JOIN = Statement(
    insert(tables.records).from_select(
        tables.records.c.keys(),
        select(*[bindparam(column.name, type_=column.type) for column in tables.records.c]).where(
            func.coalesce(_hash.scalar_subquery(), GENESIS) == bindparam("previous")
        ),
    )
)
