"""Owns the search for what is due and can be carried on here; the rest is left as it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bailiwick.graphs.outbox.aside import Aside
from bailiwick.graphs.outbox.reports import Report
from bailiwick.graphs.outbox.threads import AsyncThreads, Threads
from bailiwick.graphs.outbox.waiting import FORGOTTEN, UNKNOWN
from bailiwick.graphs.outbox.whereabouts import Whereabouts
from bailiwick.policies.approvals import Approval
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import Claim, Deliveries, Due
from bailiwick.tools.threads import to_its_end

REMEDY = "deliver it from the program that holds it"
"""What to do about a thread of another graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Claim what is due and can be carried on here, one thread after the other.

    A claim, and a later time, count for all deliverers of the outbox. So a thread is located first,
    and one that is somewhere else gets neither.

    Attributes:
        approvals: What was asked in the threads.
        outbox: What is due.
        aside: What was left before.
        tell: Gets a report of what is left, the first time.
    """

    approvals: Approvals
    outbox: Deliveries
    aside: Aside
    tell: Callable[[Report], object]

    def claim(self, threads: Threads, dues: Iterator[Due]) -> Claim | None:
        """Return the next claim, or `None` where nothing more is due that can be carried."""
        for due in dues:
            if self.aside.holds(due):
                continue
            if claim := self._claim(due, _located(threads, due)):
                return claim
        return None

    async def aclaim(self, threads: AsyncThreads, dues: Iterator[Due]) -> Claim | None:
        """Do what `claim` does, on an event loop."""
        while due := await to_its_end(partial(next, dues, None)):
            if self.aside.holds(due):
                continue
            whereabouts = await _alocated(threads, due)
            if claim := await to_its_end(partial(self._claim, due, whereabouts)):
                return claim
        return None

    def _claim(self, due: Due, whereabouts: Whereabouts) -> Claim | None:
        is_gone = whereabouts == "nowhere" and due.age >= FORGOTTEN
        if whereabouts == "here" or is_gone:
            return self.outbox.claim(due)
        if self.aside.put(due):
            ended = tuple(self.approvals.get(each) for each in due.approvals)
            self.tell(_left(due, ended, whereabouts))
        return None


def _located(threads: Threads, due: Due) -> Whereabouts:
    try:
        return threads.locate(due)
    except Exception:  # noqa: BLE001 - the look that follows meets the trouble, and tells it
        return "here"


async def _alocated(threads: AsyncThreads, due: Due) -> Whereabouts:
    try:
        return await threads.alocate(due)
    except Exception:  # noqa: BLE001 - as above
        return "here"


def _left(due: Due, ended: tuple[Approval, ...], whereabouts: Whereabouts) -> Report:
    if whereabouts == "elsewhere":
        return Report(thread=due.thread, approvals=ended, outcome="left", reason=REMEDY)
    return Report(thread=due.thread, approvals=ended, outcome="postponed", reason=UNKNOWN)
