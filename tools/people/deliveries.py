"""Owns the outbox: answers that were given elsewhere, until the threads that wait have heard."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, select, update

from bailiwick.policies.approvals import Approval, ApprovalRequest
from bailiwick.tools.effects import call_rows
from bailiwick.tools.people import approval_rows
from bailiwick.tools.people.holding import Hold, hold_on
from bailiwick.tools.records import tables
from bailiwick.tools.records.database import now
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import Statement, insert_once

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
        running: The requests of the thread that its own runs have taken answers to, of late.
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

    def claim(self, thread: str | None = None) -> Claim | None:
        """Take everything that is due for one thread, or return `None` where nothing is.

        Args:
            thread: Only for this thread.

        Raises:
            LedgerError: If the database fails.
        """
        while candidates := self._candidates(thread):
            for found, requester in candidates:
                if claim := self._take(found, requester):
                    return claim
        return None

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
        query = _OPEN if thread is None else _OPEN.where(_d.thread == thread)
        with self._ledger.reading() as connection:
            return tuple(Delivery(**row) for row in connection.execute(query).mappings())

    def hold(self, thread: str) -> tuple[Hold, Claim]:
        """Return a hold for a run of a thread, and the claim on whatever ends in it meanwhile."""
        token = uuid.uuid4().hex
        hold = Hold(token=token, thread=thread, place=self._place, lapse=self.lapse)
        claim = Claim(token=token, thread=thread, requester="", approvals=(), attempts=1, age=0.0)
        return hold, claim

    def _candidates(self, thread: str | None) -> Sequence[tuple[str, str]]:
        query = _CANDIDATES if thread is None else _CANDIDATES.where(_d.thread == thread)
        with self._ledger.reading() as connection:
            rows = connection.execute(query, {"here": self._place})
            found = [(row.thread, row.requester) for row in rows]
        return list(dict.fromkeys(found))

    def _take(self, thread: str, requester: str) -> Claim | None:
        token = uuid.uuid4().hex
        place = {"of": thread, "by": requester, "here": self._place}
        taken = {"token": token, "lapse": self.lapse, **place}
        with self._ledger.transaction() as connection:
            # Two requests of one thread are two rows: only this lets one claim see the other.
            self._ledger.lock(connection, thread)
            if _BUSY.all(connection, taken) or not _TAKE.change(connection, taken):
                return None
            rows = _TAKEN.all(connection, taken)
            found = approval_rows.read(
                connection, tables.approvals.c.id.in_([row["approval"] for row in rows])
            )
            return Claim(
                token=token,
                thread=thread,
                requester=requester,
                approvals=tuple(found),
                attempts=max(row["attempts"] for row in rows),
                age=now(connection) - max(each.request.created_at for each in found),
                is_calling=call_rows.is_calling(connection, thread),
                running=frozenset(row["approval"] for row in _RUNNING.all(connection, taken)),
            )

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


_is_open = _d.delivered_at.is_(None)
_is_due = _d.due_at <= _CLOCK
_other = tables.deliveries.alias("other")
_is_claimed = exists().where(
    _other.c.thread == _d.thread,
    _other.c.claim.is_not(None),
    _other.c.delivered_at.is_(None),
    _other.c.due_at > _CLOCK,
)
_CANDIDATES = (
    select(_d.thread, _d.requester)
    .where(_is_open, _d.place == bindparam("here"), _is_due, ~_is_claimed)
    .order_by(_d.due_at)
    .limit(20)
)
_BUSY = Statement(
    select(_d.approval)
    .where(_d.thread == bindparam("of"), _is_open, _d.claim.is_not(None), ~_is_due)
    .limit(1)
)
_RUNNING = Statement(
    select(_d.approval)
    .where(_d.thread == bindparam("of"), _is_open, _d.claim.is_(None))
    .where(_d.attempts == 0, _d.error.is_(None), ~_is_due)
)
_TAKE = Statement(
    update(tables.deliveries)
    .where(
        _d.thread == bindparam("of"),
        _d.requester == bindparam("by"),
        _d.place == bindparam("here"),
        _is_open,
        _is_due,
    )
    .values(claim=bindparam("token"), due_at=_CLOCK + bindparam("lapse"))
)
_TAKEN = Statement(
    select(_d.approval, _d.attempts).where(
        _d.thread == bindparam("of"), _d.claim == bindparam("token"), _is_open
    )
)
_OPEN = (
    select(
        _d.approval,
        _d.thread,
        _d.requester,
        _d.place,
        _d.attempts,
        _d.error,
        _d.due_at,
        and_(_d.claim.is_not(None), ~_is_due).label("is_claimed"),
        _d.delivered_at,
    )
    .where(_is_open)
    .order_by(_d.due_at, _d.approval)
)
