"""Owns the ledger: what was decided, approved, leased, called and handed on, in hash chains."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, select, tuple_

from bailiwick.policies.canonical import canonical, plain
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records import chain, tables
from bailiwick.tools.records.chain import Record, Verification
from bailiwick.tools.records.chain_ends import Appended, ChainEnds
from bailiwick.tools.records.database import Database
from bailiwick.tools.records.statements import count
from bailiwick.tools.threads import to_its_end

Kind: TypeAlias = Literal[
    "request",
    "decision",
    "approval.requested",
    "approval.answered",
    "approval.refused",
    "approval.expired",
    "approval.cancelled",
    "approval.consumed",
    "lease.ready",
    "lease.granted",
    "lease.reused",
    "lease.revoked",
    "lease.failed",
    "call.started",
    "call.ended",
    "call.settled",
    "call.reconciled",
    "proposal.made",
    "proposal.dropped",
    "handoff",
    "checkpoints.forgotten",
]
"""What a record can be about."""

T = TypeVar("T")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """State what is to be recorded.

    Attributes:
        kind: What it is about.
        body: What happened, in values that have a plain form; never a secret.
    """

    kind: Kind
    body: Mapping[str, object]


class Ledger:
    """Keep one tamper-evident chain of records for each thread, in SQLite or PostgreSQL.

    Every method is synchronous and safe to call from many threads and processes at once; on an
    event loop, call it through `off_loop`. The approvals and the calls live in the same
    database, so that what they change and what is recorded of it are one transaction.

    Args:
        url: `sqlite:///path`, `sqlite://` (in memory) or `postgresql://user:password@host/name`.
        creates: Whether a database without a ledger gets one, or is refused.

    Raises:
        LedgerError: If the database cannot be used.
    """

    def __init__(self, url: str, *, creates: bool = True) -> None:
        self._database = Database(url, creates=creates)
        self._ends = ChainEnds()

    def __repr__(self) -> str:
        return f"<Ledger {self._database.name}>"

    def transaction(self, *, flushes: bool = True) -> AbstractContextManager[Connection]:
        """Hold one write transaction: committed at the end, rolled back on any error.

        It must not be opened within another one of the same thread of execution. What is appended
        in it joins the chains at its end.

        Args:
            flushes: Whether the commit waits for the disk. What has no effect on the world need
                not: no crash of a process loses it, a power failure only the last of it, and
                whatever waits later takes it along.

        Raises:
            LedgerError: If the database fails; then nothing of it was kept.
        """
        return self._transaction(flushes=flushes)

    def reading(self) -> AbstractContextManager[Connection]:
        """Hold one connection to read from.

        Raises:
            LedgerError: If the database fails.
        """
        return self._database.reading()

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Do what uses the ledger without holding up an event loop: in a thread, to its end.

        Where the database is in memory it is done at once, as LangGraph does with its own: nothing
        is waited for there, and the way to a thread takes longer.
        """
        return work() if self._database.is_in_memory else await to_its_end(work)

    def lock(self, connection: Connection, thread: str) -> None:
        """Let nobody else write of `thread` until the transaction ends.

        A transaction that writes anything of a thread takes this first; `append` does so too.
        """
        self._database.lock(connection, thread)

    def append(self, connection: Connection, thread: str, *entries: Entry) -> None:
        """Add entries to a thread's chain, in their order, within a transaction.

        Raises:
            LedgerError: If a body holds a value that has no plain form.
        """
        if entries:
            self.lock(connection, thread)
            texts: list[Appended] = [(each.kind, _text(each)) for each in entries]
            appended: dict[str, list[Appended]] = connection.info["appended"]
            appended.setdefault(thread, []).extend(texts)

    def records(self, thread: str | None = None, kind: str | None = None) -> Iterator[Record]:
        """Iterate over records thread by thread, each thread in its order, a page at a time.

        Args:
            thread: Only this thread's.
            kind: Only those of this kind.

        Raises:
            LedgerError: If the database fails.
        """
        place = ("", -1) if thread is None else (thread, -1)
        while page := self._page(place, thread, kind):
            yield from page
            if len(page) < _PAGE:
                return
            place = (page[-1].thread, page[-1].seq)

    def newest(self, limit: int, thread: str | None = None) -> list[Record]:
        """Return the newest records, thread by thread; what happened last is in the last thread.

        Args:
            limit: At most so many.
            thread: Only this thread's.

        Raises:
            LedgerError: If the database fails.
        """
        record = tables.records.c
        query = _RECORDS.where(*_of(thread)).order_by(None).limit(limit)
        query = query.order_by(record.at.desc(), record.thread.desc(), record.seq.desc())
        with self.reading() as connection:
            found = [Record(**row) for row in connection.execute(query).mappings()][::-1]
        last = {each.thread: place for place, each in enumerate(found)}
        return sorted(found, key=lambda each: last[each.thread])

    def count(self, thread: str | None = None) -> int:
        """Count the records of one thread or of all.

        Raises:
            LedgerError: If the database fails.
        """
        with self.reading() as connection:
            return count(connection, tables.records, *_of(thread))

    def has(self, thread: str) -> bool:
        """Tell whether a thread has records.

        Raises:
            LedgerError: If the database fails.
        """
        record = tables.records.c
        with self.reading() as connection:
            query = select(record.seq).where(record.thread == thread).limit(1)
            return connection.scalar(query) is not None

    def verify(self, thread: str | None = None) -> Verification:
        """Check the chain of one thread or of all, and name the first place that does not hold.

        See `bailiwick.tools.records.chain.verify` for what this finds and what it cannot.

        Raises:
            LedgerError: If the database fails.
        """
        return chain.verify(self.records(thread))

    def export(self, thread: str | None = None) -> Generator[str]:
        """Iterate over records as lines of canonical JSON, without line ends.

        Raises:
            LedgerError: If the database fails, or a record was changed so that it has no JSON form.
        """
        for record in self.records(thread):
            try:
                yield record.to_line()
            except (ValueError, TypeError):
                raise LedgerError(
                    f"record {record.seq} of thread {record.thread!r} was changed and cannot be "
                    "exported: verify the ledger"
                ) from None

    def close(self) -> None:
        """Close every connection; a database in memory is gone with them."""
        self._database.close()

    @contextmanager
    def _transaction(self, *, flushes: bool) -> Generator[Connection]:
        with self._database.transaction(flushes=flushes) as connection:
            appended: dict[str, list[Appended]] = {}
            connection.info["appended"] = appended
            yield connection
            for thread, entries in appended.items():
                self._ends.join(connection, thread, entries)

    def _page(self, place: tuple[str, int], thread: str | None, kind: str | None) -> list[Record]:
        table = tables.records
        after = tuple_(table.c.thread, table.c.seq) > tuple_(*place)
        query = _RECORDS.where(after, *_of(thread)).limit(_PAGE)
        if kind is not None:
            query = query.where(table.c.kind == kind)
        with self.reading() as connection:
            return [Record(**row) for row in connection.execute(query).mappings()]


def verify_export(lines: Iterable[str]) -> Verification:
    """Check the lines of an exported ledger, with nothing else at hand.

    Raises:
        LedgerError: If a line is not exactly as it was exported.
    """
    return chain.verify(Record.from_line(line.rstrip("\r\n")) for line in lines)


def _of(thread: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if thread is None else (tables.records.c.thread == thread,)


def _text(entry: Entry) -> str:
    try:
        return canonical(plain(entry.body)).decode()
    except (TypeError, ValueError) as error:
        raise LedgerError(f"{entry.kind!r} cannot be recorded: {error}") from None


_RECORDS = select(
    tables.records.c.thread,
    tables.records.c.seq,
    tables.records.c.at,
    tables.records.c.kind,
    tables.records.c.body.label("text"),
    tables.records.c.previous,
    tables.records.c.hash,
).order_by(tables.records.c.thread, tables.records.c.seq)
