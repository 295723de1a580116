"""Owns the way from the outbox to the threads: those that wait go on once the request has ended."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from bailiwick.graphs.outbox.aside import Aside
from bailiwick.graphs.outbox.claims import Renewal, agiven_back, given_back
from bailiwick.graphs.outbox.reports import Outcome, Report
from bailiwick.graphs.outbox.search import Search
from bailiwick.graphs.outbox.threads import (
    AsyncThreads,
    GraphThreads,
    Threads,
    UnderWay,
    Watch,
)
from bailiwick.graphs.outbox.waiting import Move, next_move
from bailiwick.graphs.outbox.whereabouts import App
from bailiwick.policies.errors import BailiwickError
from bailiwick.tools.guard import Guard
from bailiwick.tools.keys.checkpoint_keys import Forgotten
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import FIRST, LAPSE, LONGEST, Claim, Deliveries, backoff
from bailiwick.tools.threads import to_its_end

__all__ = ["App", "Aside", "Report", "adeliver", "adeliver_to", "deliver", "keep_delivering"]

PAUSE = 1.0
"""Seconds between two looks at the outbox."""

_FORGOTTEN = "it was forgotten"

logger = logging.getLogger(__name__)


def deliver(  # noqa: PLR0913 - which threads and how, each optional
    app: App,
    guard: Guard,
    *,
    thread: str | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
    lapse: float = LAPSE,
    aside: Aside | None = None,
) -> list[Report]:
    """Carry on every thread that waits for a request which has ended: answered, expired, cancelled.

    However many do this at once, in threads or processes, each thread is resumed by one of them.
    If that one dies, another takes over when its claim has lapsed. A thread goes on as whoever
    asked, never as whoever answered. What the graph cannot carry is left as it is to the deliverer
    that can.

    Args:
        app: The compiled graph, with the checkpointer that knows the threads.
        guard: The guard of its tools.
        thread: Only this thread; left out, every thread of the guard's ledger and place.
        limit: At most so many threads, without those that are left to others.
        watch: Gets each step's update as it comes, those of agents included.
        lapse: Seconds after which others take over from a deliverer that died.
        aside: What was left before. Who delivers again and again keeps one: it is looked at less
            and less often then, and reported once.

    Returns:
        What came of each thread, in order.

    Raises:
        LedgerError: If the ledger's database fails.
    """
    _sweep(guard.approvals, thread)
    threads, reports, carried = GraphThreads(app, watch), list[Report](), 0
    search = _search(guard.approvals, lapse, aside, reports.append)
    dues = search.outbox.due(thread)
    while carried != limit and (claim := search.claim(threads, dues)):
        carried += 1
        with given_back(search.outbox, claim):
            reports.append(_carry(threads, search.outbox, claim))
    return reports


async def adeliver(  # noqa: PLR0913 - as above
    app: App,
    guard: Guard,
    *,
    thread: str | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
    lapse: float = LAPSE,
    aside: Aside | None = None,
) -> list[Report]:
    """Do what `deliver` does, on an event loop and with an asynchronous checkpointer."""
    return await adeliver_to(
        GraphThreads(app, watch),
        guard.approvals,
        thread=thread,
        limit=limit,
        lapse=lapse,
        aside=aside,
    )


async def adeliver_to(  # noqa: PLR0913 - as above
    threads: AsyncThreads,
    approvals: Approvals,
    *,
    thread: str | None = None,
    limit: int | None = None,
    lapse: float = LAPSE,
    aside: Aside | None = None,
) -> list[Report]:
    """Do what `deliver` does for threads that are kept elsewhere, such as at a server.

    Args:
        threads: The threads.
        approvals: What was asked in them.
        thread: As there.
        limit: As there.
        lapse: As there.
        aside: As there.
    """
    await to_its_end(lambda: _sweep(approvals, thread))
    reports, carried = list[Report](), 0
    search = _search(approvals, lapse, aside, reports.append)
    dues = search.outbox.due(thread)
    while carried != limit and (claim := await search.aclaim(threads, dues)):
        carried += 1
        reports.append(await _acarry(threads, search.outbox, claim))
    return reports


async def keep_delivering(
    threads: AsyncThreads,
    approvals: Approvals,
    *,
    at_once: int = 8,
    lapse: float = LAPSE,
    tell: Callable[[Report], object] = lambda _: None,
) -> None:
    """Carry on threads as soon as what they wait for has ended, until cancelled.

    Args:
        threads: The threads.
        approvals: What is asked in them.
        at_once: How many threads at most, so that a long run keeps no other thread waiting.
        lapse: Seconds after which others take over from a deliverer that died.
        tell: Gets what came of each thread.
    """
    search, slots = _search(approvals, lapse, None, tell), asyncio.Semaphore(at_once)

    async def carry(claim: Claim) -> None:
        try:
            tell(await _acarry(threads, search.outbox, claim))
        except Exception as error:  # noqa: BLE001 - one thread's trouble must not end the others'
            logger.warning("thread %s: %s", claim.thread, type(error).__name__)
        finally:
            slots.release()

    async with asyncio.TaskGroup() as runs:
        while True:
            await slots.acquire()
            runs.create_task(carry(await _next(search, threads)))


async def _next(search: Search, threads: AsyncThreads) -> Claim:
    told = ""
    while True:
        try:
            await to_its_end(lambda: _sweep(search.approvals, None))
            if claim := await search.aclaim(threads, search.outbox.due()):
                return claim
            hindrance = ""
        except Exception as error:  # noqa: BLE001 - whatever hinders one look, the next may succeed
            hindrance = str(error) if isinstance(error, BailiwickError) else type(error).__name__
        if hindrance not in {"", told}:
            logger.warning("the outbox cannot be read: %s; it is tried again and again", hindrance)
        told = hindrance
        await asyncio.sleep(PAUSE)


def _search(
    approvals: Approvals, lapse: float, aside: Aside | None, tell: Callable[[Report], object]
) -> Search:
    outbox = approvals.outbox(lapse=lapse)
    return Search(approvals=approvals, outbox=outbox, aside=aside or Aside(), tell=tell)


def _sweep(approvals: Approvals, thread: str | None) -> None:
    while approvals.expire(thread):
        pass


def _carry(threads: Threads, outbox: Deliveries, claim: Claim) -> Report:
    attempts = claim.attempts
    try:
        move = next_move(threads.look(claim), claim)
        if move.kind == "run" and outbox.begin(claim):
            attempts += 1
            with Renewal(outbox, claim):
                threads.run(claim, move.given)
    except UnderWay as other:
        move = Move(kind="look", reason=str(other))
    except Forgotten:
        # It can never go on, so there is nobody to tell.
        move = Move(kind="rest", reason=_FORGOTTEN)
    except Exception as error:  # noqa: BLE001 - whatever a graph raises, the thread is tried again
        return _failed(outbox, claim, error, attempts)
    return _done(outbox, claim, move)


async def _acarry(threads: AsyncThreads, outbox: Deliveries, claim: Claim) -> Report:
    attempts = claim.attempts
    async with agiven_back(outbox, claim):
        try:
            move = next_move(await threads.alook(claim), claim)
            if move.kind == "run" and await to_its_end(lambda: outbox.begin(claim)):
                attempts += 1
                async with Renewal(outbox, claim):
                    await threads.arun(claim, move.given)
        except UnderWay as other:
            move = Move(kind="look", reason=str(other))
        except Forgotten:
            move = Move(kind="rest", reason=_FORGOTTEN)
        except Exception as error:  # noqa: BLE001 - as above
            return await to_its_end(partial(_failed, outbox, claim, error, attempts))
        return await to_its_end(lambda: _done(outbox, claim, move))


def _done(outbox: Deliveries, claim: Claim, move: Move) -> Report:
    match move.kind:
        case "look":
            after = min(LONGEST, max(FIRST, move.after))
            outbox.postpone(claim, move.reason, after=after)
            return _report(claim, "postponed", move.reason)
        case "run" | "rest":
            if not outbox.end(claim):
                return _report(claim, "postponed", "another deliverer has taken over")
            return _report(claim, "resumed" if move.kind == "run" else "passed", move.reason)


def _failed(outbox: Deliveries, claim: Claim, error: Exception, attempts: int) -> Report:
    # What a foreign error says may hold values of the conversation, addresses and keys.
    reason = f"the run broke off ({type(error).__name__})"
    if isinstance(error, BailiwickError):
        reason = f"{reason}: {error}"
    outbox.postpone(claim, reason, after=backoff(attempts))
    return _report(claim, "failed", reason)


def _report(claim: Claim, outcome: Outcome, reason: str = "") -> Report:
    return Report(thread=claim.thread, approvals=claim.approvals, outcome=outcome, reason=reason)
