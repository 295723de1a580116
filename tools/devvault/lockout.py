"""Owns the lockout: who failed to log in too often waits, even with the right secret."""

from collections.abc import Callable

from bailiwick.tools.devvault.refusals import denied

TRIES = 5
"""Failures after which a name is locked."""

SECONDS = 15 * 60
"""How long it stays locked, and how long a failure is remembered."""


class Lockout:
    """Count the failures of each name.

    Args:
        clock: Gives the Unix time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def check(self, name: str) -> None:
        """Refuse a name that is locked.

        Raises:
            Refusal: With status 403.
        """
        count, last = self._failures.get(name, (0, 0.0))
        if self._clock() - last >= SECONDS:
            self._failures.pop(name, None)
        elif count >= TRIES:
            raise denied()

    def failed(self, name: str) -> None:
        """Count a failure."""
        count, _ = self._failures.get(name, (0, 0.0))
        self._failures[name] = (count + 1, self._clock())

    def succeeded(self, name: str) -> None:
        """Forget the failures."""
        self._failures.pop(name, None)
