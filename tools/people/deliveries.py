"""Owns the outbox: answers that were given elsewhere, until the threads that wait have heard."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, Row, update

from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval
from bailiwick.tools.effects import call_rows
from bailiwick.tools.people import approval_rows
from bailiwick.tools.people import delivery_rows as rows
from bailiwick.tools.people.holding import Hold, hold_on
from bailiwick.tools.records import tables
from bailiwick.tools.records.database import now
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import insert_once

SERVER = "server"
"""The place of threads that LangGraph Server keeps; those of other graphs need no name."""

PROPOSALS = "proposals"
"""The place of threads of proposals: their own graph alone carries them on."""

LAPSE = 30.0
"""Seconds after which a claim that nobody renews is free for others: its holder is gone."""

GRACE = 60.0
"""Seconds that a run which took an answer itself has, before the outbox looks after its thread."""

FIRST, LONGEST = 1.0, 3600.0
"""Seconds before the next try: from the first, doubled each time, to the longest."""

_d = tables.deliveries.c
_CLOCK = tables.database_clock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Tell how far the news of one request's end has come.

    Attributes:
        approval: The request's id.
        thread: The thread that waited for it.
        requester: Who asked, and as whom the thread goes on.
        place: Where the thread is kept.
        attempts: How many runs were begun for it.
        error: Why the last look or run did not end it, if there was one.
        due_at: When it is due next, in epoch seconds of the database's clock.
        is_claimed: Whether somebody carries it to its thread now.
        delivered_at: Since when the thread has gone on; the same clock.
    """

    approval: str
    thread: str
    requester: str
    place: str
    attempts: int
    error: str | None
    due_at: float
    is_claimed: bool
    delivered_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Name what is due for one thread, which nobody has claimed.

    Attributes:
        thread: The thread.
        requester: Who asked in it.
        approvals: The ids of the requests.
        age: Seconds since when it is due.
    """

    thread: str
    requester: str
    approvals: tuple[str, ...]
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Hold what one deliverer alone may carry to one thread, while it renews the claim.

    Attributes:
        token: Tells the claim from every other.
        thread: The thread; nobody else holds a claim on it.
        requester: Who asked, and as whom the thread goes on.
        approvals: What has ended.
        attempts: How many runs were begun for them before.
        age: Seconds since the youngest of the requests was made.
        is_calling: Whether a call of the thread was under way when the claim was taken.
        running: The requests of the thread whose answers a run of its own took a moment ago.
    """

    token: str
    thread: str
    requester: str
    approvals: tuple[Approval, ...]
    attempts: int
    age: float
    is_calling: bool = False
    running: frozenset[str] = frozenset()


class Deliveries:
    """Hand out what is due, each thread to one deliverer at a time.

    A row is written in the transaction that ends a request. Every change is a compare-and-set on
    the claim, and all times are the database's.

    Args:
        ledger: The ledger whose database holds them.
        lapse: Seconds after which a claim that is not renewed is free for others.
        place: Where the threads are kept that can be carried on; others are not claimed.
    """

    def __init__(self, ledger: Ledger, *, lapse: float = LAPSE, place: str = "") -> None:
        self._ledger = ledger
        self.lapse = lapse
        self._place = place

    def due(self, thread: str | None = None) -> Iterator[Due]:
        """Yield what is due, longest first, without keeping it from anybody.

        Args:
            thread: Only for this thread.

        Raises:
            LedgerError: If the database fails.
        """
        query = rows.DUE if thread is None else rows.DUE.where(_d.thread == thread)
        since, last = 0.0, ""
        while page := self._page(query, since, last):
            since, last = page[-1].due_at, page[-1].approval
            threads = dict[tuple[str, str], list[Row[Any]]]()
            for row in page:
                threads.setdefault((row.thread, row.requester), []).append(row)
            for (of, by), some in threads.items():
                ids, age = tuple(row.approval for row in some), max(row.age for row in some)
                yield Due(thread=of, requester=by, approvals=ids, age=age)

    def claim(self, due: Due) -> Claim | None:
        """Take everything that is due for one thread; `None` where somebody was faster.

        Raises:
            LedgerError: If the database fails.
        """
        token, thread = uuid.uuid4().hex, due.thread
        place = {"of": thread, "by": due.requester, "here": self._place}
        values = {"token": token, "lapse": self.lapse, **place}
        with self._ledger.transaction() as connection:
            # Two requests of one thread are two rows: only this lets one claim see the other.
            self._ledger.lock(connection, thread)
            if rows.BUSY.all(connection, values) or not rows.TAKE.change(connection, values):
                return None
            taken = rows.TAKEN.all(connection, values)
            found = approval_rows.read(
                connection, tables.approvals.c.id.in_([row["approval"] for row in taken])
            )
            running = rows.RUNNING.all(connection, values)
            return Claim(
                token=token,
                thread=thread,
                requester=due.requester,
                approvals=tuple(found),
                attempts=max(row["attempts"] for row in taken),
                age=now(connection) - max(each.request.created_at for each in found),
                is_calling=call_rows.is_calling(connection, thread),
                running=frozenset(row["approval"] for row in running),
            )

    def begin(self, claim: Claim) -> bool:
        """Write that a run is about to begin; false if the claim has lapsed to somebody else.

        Raises:
            LedgerError: If the database fails.
        """
        return self._change(claim, attempts=_d.attempts + 1, due_at=_CLOCK + self.lapse)

    def renew(self, claim: Claim) -> bool:
        """Keep a claim for another while; false if it has lapsed to somebody else.

        Raises:
            LedgerError: If the database fails.
        """
        return self._change(claim, due_at=_CLOCK + self.lapse)

    def end(self, claim: Claim) -> bool:
        """Write that the thread has heard; false if the claim has lapsed to somebody else.

        Raises:
            LedgerError: If the database fails.
        """
        return self._change(claim, claim=None, error=None, delivered_at=_CLOCK)

    def postpone(self, claim: Claim, error: str, *, after: float) -> bool:
        """Give a claim back, to be tried again.

        Args:
            claim: The claim.
            error: Why it could not be ended, in a sentence without anything secret.
            after: In so many seconds.

        Raises:
            LedgerError: If the database fails.
        """
        return self._change(claim, claim=None, error=error, due_at=_CLOCK + after)

    def list(self, thread: str | None = None) -> tuple[Delivery, ...]:
        """Return what is not delivered yet, oldest first.

        Raises:
            LedgerError: If the database fails.
        """
        query = rows.OPEN if thread is None else rows.OPEN.where(_d.thread == thread)
        with self._ledger.reading() as connection:
            return tuple(Delivery(**row) for row in connection.execute(query).mappings())

    def hold(self, thread: str) -> tuple[Hold, Claim]:
        """Return a hold for a run of a thread, and the claim on whatever ends in it meanwhile."""
        token = uuid.uuid4().hex
        hold = Hold(token=token, thread=thread, place=self._place, lapse=self.lapse)
        claim = Claim(token=token, thread=thread, requester="", approvals=(), attempts=1, age=0.0)
        return hold, claim

    def _page(self, query: Executable, since: float, last: str) -> Sequence[Row[Any]]:
        after = {"here": self._place, "since": since, "last": last}
        with self._ledger.reading() as connection:
            return connection.execute(query, after).all()

    def _change(self, held: Claim, **values: Any) -> bool:  # noqa: ANN401 - values and SQL expressions
        change = update(tables.deliveries).where(
            _d.claim == held.token, _d.thread == held.thread, _d.delivered_at.is_(None)
        )
        with self._ledger.transaction() as connection:
            return connection.execute(change.values(**values)).rowcount > 0


def add(connection: Connection, request: ApprovalRequest, *, due_at: float) -> None:
    """Put a request that has ended into the outbox, in the transaction that ends it.

    Args:
        connection: The transaction.
        request: The request.
        due_at: From when on somebody shall look after the thread, by the database's clock.
    """
    row = {
        "approval": request.id,
        "thread": request.thread,
        "requester": request.requester,
        "place": request.place,
        "due_at": due_at,
        "attempts": 0,
    }
    if hold := hold_on(request.thread, request.place):
        until = now(connection) + hold.lapse
        row |= {"claim": hold.token, "attempts": 1, "due_at": until}
    insert_once(connection, tables.deliveries, row)


def backoff(attempts: int) -> float:
    """Return how many seconds to wait after so many runs that broke off."""
    return min(LONGEST, FIRST * 2.0 ** min(attempts, 20))
