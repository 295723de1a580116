"""Owns the circuit breaker in front of Vault: what fails again and again is left alone a while."""

import math
import threading
from collections.abc import Callable

from purgatory import SyncCircuitBreakerFactory, SyncInMemoryUnitOfWork
from purgatory.domain.model import Context

_NAME = "vault"
THRESHOLD, PAUSE = 5, 10.0
"""Failures in a row that open it, and seconds for which it stays open; then one request tries."""


class _Failure(Exception):  # noqa: N818 - it is never raised: it is how the circuit is told
    """Stand for a request that failed."""


class Breaker:
    """Count the failures of one Vault in a row, and refuse requests for a while after so many.

    The states are purgatory's. Its clock is the wall's, which may jump by an hour, so here the
    pause is measured; and its circuits know no threads, so here is the lock.

    Args:
        clock: Gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._unit = SyncInMemoryUnitOfWork()
        self._factory = SyncCircuitBreakerFactory(THRESHOLD, math.inf, uow=self._unit)
        self._opened = -math.inf
        self._why = ""

    def admit(self) -> str | None:
        """Return nothing where a request may go, which must then be reported, or why it may not."""
        with self._lock:
            left = self._opened + PAUSE - self._clock()
            match self._factory.get_breaker(_NAME).context.state:
                case "closed":
                    return None
                case "opened" if left <= 0:
                    half = Context(_NAME, THRESHOLD, math.inf, "half-opened")
                    self._unit.contexts.register(half)
                    return None
                case "opened" | "half-opened":
                    return self._refusal(max(left, 0.0))

    def report(self, failure: str | None) -> None:
        """Say what came of a request that was admitted.

        Args:
            failure: Why Vault is of no use, with the remedy; `None` where it answered.
        """
        with self._lock:
            circuit = self._factory.get_breaker(_NAME)
            was_open = circuit.context.state == "opened"
            if failure is None:
                circuit.__exit__(None, None, None)
                return
            self._why = failure
            circuit.__exit__(_Failure, _Failure(), None)
            if circuit.context.state == "opened" and not was_open:
                self._opened = self._clock()

    def _refusal(self, left: float) -> str:
        return (
            f"{self._why}; it failed {THRESHOLD} times in a row or more, so nothing is sent "
            f"to it for another {left:.0f} s"
        )
