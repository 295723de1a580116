"""Owns the circuit breaker in front of Vault: what fails again and again is left alone a while."""

import threading
from collections.abc import Callable

THRESHOLD, PAUSE = 5, 10.0
"""Failures in a row that open it, and seconds for which it stays open; then one request tries."""


class Breaker:
    """Count the failures of one Vault in a row, and refuse requests for a while after so many.

    Closed, it admits every request. Open, it refuses all of them until the pause is over; what was
    under way when it opened changes nothing. Then it admits one, half open, whose end closes it or
    opens it anew.

    Args:
        clock: Gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._why = ""
        self._opened: float | None = None
        self._is_half_open = False

    def admit(self) -> str | None:
        """Return nothing where a request may go, which must then be reported, or why it may not."""
        with self._lock:
            if self._opened is None:
                return None
            left = self._opened + PAUSE - self._clock()
            if left > 0 or self._is_half_open:
                return self._refusal(max(left, 0.0))
            self._is_half_open = True
            return None

    def report(self, failure: str | None) -> None:
        """Say what came of a request that was admitted.

        Args:
            failure: Why Vault is of no use, with the remedy; `None` where it answered.
        """
        with self._lock:
            if self._opened is not None and not self._is_half_open:
                return
            if failure is None:
                self._failures, self._opened = 0, None
            else:
                self._failures, self._why = self._failures + 1, failure
                if self._failures >= THRESHOLD:
                    self._opened = self._clock()
            self._is_half_open = False

    def _refusal(self, left: float) -> str:
        return (
            f"{self._why}; it failed {THRESHOLD} times in a row or more, so nothing is sent "
            f"to it for another {left:.0f} s"
        )
