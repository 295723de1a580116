"""Owns the ends that a process has to see to: which are due, and the threads that ask for them."""

import heapq
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.leases.pending_ends import PendingEnd

logger = logging.getLogger(__name__)

MOST = 16
"""Threads at most: eight fell behind two dozen that call, on PostgreSQL with a Vault of 10 ms."""

IDLE = 2.0
"""Seconds for which a thread waits for another lease before it ends."""

_BRAKE = 0.25
"""Seconds that a thread waits where an end could not be recorded, before it asks for the next."""

_MOMENT = 1.0


class Ends:
    """Hold the leases whose ends a process sees to, and have those that are due asked for.

    Several are asked for at once, or a Vault that takes its time would let them pile up: another
    thread is started where one more is due and none waits, up to `MOST`.

    Args:
        end: Asks for an end; a lease that it does not forget is due again when it says so.
        clock: Gives monotonic seconds.
    """

    def __init__(self, end: Callable[[PendingEnd], None], clock: Callable[[], float]) -> None:
        self._end = end
        self._clock = clock
        lock = threading.RLock()
        self._changed, self._forgotten = threading.Condition(lock), threading.Condition(lock)
        self._held: dict[str, PendingEnd] = {}
        self._threads: set[threading.Thread] = set()
        self._waiting = 0
        self._is_closed = False

    def hold(self, held: PendingEnd) -> None:
        """See to the end of a lease, unless this process does so already."""
        with self._changed:
            self._held.setdefault(held.accessor, held)
            self._wake()

    def forget(self, accessor: str) -> None:
        """See to the end of a lease no more."""
        with self._changed:
            self._held.pop(accessor, None)
            self._forgotten.notify_all()
            if not self._held:
                self._changed.notify_all()

    def release(self, accessor: str, after: float) -> None:
        """Have a lease that is held ended after some seconds."""
        with self._changed:
            if held := self._held.get(accessor):
                held.due = self._clock() + after
                self._wake()

    def retain(self, accessor: str) -> bool:
        """Keep a lease that was to end later; tell whether that came in time."""
        with self._changed:
            held = self._held.get(accessor)
            if held is None or held.is_ending:
                return False
            held.due = None
            return True

    def untried(self) -> list[str] | None:
        """Return the leases whose ends were not tried in vain, or nothing where none is held."""
        with self._changed:
            if not self._held:
                return None
            return [accessor for accessor, held in self._held.items() if not held.tries]

    def drain(self, seconds: float) -> bool:
        """Wait until every lease that was released has ended; tell whether they all have."""
        with self._changed:
            now = self._clock()
            for held in self._held.values():
                held.due = None if held.due is None else min(held.due, now)
            self._wake()
            return self._forgotten.wait_for(
                lambda: all(held.due is None for held in self._held.values()), seconds
            )

    def close(self, seconds: float) -> None:
        """Ask for no more ends, and wait a while for those that were asked for."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            threads = list(self._threads)
        deadline = time.monotonic() + max(seconds, _MOMENT)
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _wake(self) -> None:
        self._changed.notify()
        if self._waiting or len(self._threads) >= MOST or self._is_closed:
            return
        # A daemon: what it does not get to stands in the database.
        thread = threading.Thread(target=self._work, name="revocations", daemon=True)
        # At its end Python starts none any more: those that run do the rest.
        with suppress(RuntimeError):
            thread.start()
            self._threads.add(thread)

    def _work(self) -> None:
        while (held := self._next()) is not None:
            try:
                self._end(held)
            except LedgerError as error:
                if held.tries == 1:
                    logger.warning("the end of a lease cannot be recorded yet: %s", error)
                time.sleep(_BRAKE)
            except Exception as error:  # noqa: BLE001 - one lease's trouble must not keep the others
                logger.error("the end of a lease failed (%s)", type(error).__name__)  # noqa: TRY400 - its words may hold a token
                time.sleep(_BRAKE)
            finally:
                with self._changed:
                    held.is_asked = False

    def _next(self) -> PendingEnd | None:
        with self._changed:
            while not self._is_closed:
                first, *others = self._soonest() or [None]
                if first is not None and self._left(first) <= 0:
                    first.is_asked = first.is_ending = True
                    if others:
                        self._wake()
                    return first
                if not self._wait(first):
                    break
            self._threads.discard(threading.current_thread())
            return None

    def _soonest(self) -> list[PendingEnd | None]:
        """Return the two that are due first, of those that nobody asks for."""
        free = [h for h in self._held.values() if h.due is not None and not h.is_asked]
        return [*heapq.nsmallest(2, free, key=self._left)]

    def _left(self, held: PendingEnd) -> float:
        return math.inf if held.due is None else held.due - self._clock()

    def _wait(self, first: PendingEnd | None) -> bool:
        """Wait until a lease is due or others are; tell whether there is any left to wait for."""
        pause = IDLE if not self._held else None if first is None else self._left(first)
        self._waiting += 1
        self._changed.wait(pause)
        self._waiting -= 1
        return bool(self._held)
