"""Owns which secrets the tools of this process hold, or held a moment ago: logs may show them."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from bailiwick.policies.redaction import Redactor

LASTS = 60.0
"""For how many seconds after a call what it left running may still log its secret."""

MOST = 64
"""Of how many secrets that is remembered; those of the last calls."""


class Held:
    """Remember what tools hold, for what they log from threads and tasks that nobody knows of.

    It takes no lock: a log record may be made at any moment, such as while garbage is collected.

    Args:
        clock: Tells seconds that pass.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._now: dict[object, Redactor] = {}
        self._before: dict[frozenset[str], tuple[float, Redactor]] = {}
        self._together = Redactor(())

    @contextmanager
    def holding(self, redactor: Redactor) -> Generator[None]:
        """Look for a call's secrets meanwhile, and for a while afterwards."""
        call = object()
        self._now[call] = redactor
        try:
            yield
        finally:
            # The last is the one that ended last; equal secrets, as calls share them, are one.
            self._before.pop(redactor.secrets, None)
            self._before[redactor.secrets] = self._clock() + LASTS, redactor
            del self._now[call]
            self._forget()

    def redactor(self) -> Redactor:
        """Return what looks for all that is held."""
        self._forget()
        before = [redactor for _, redactor in self._before.copy().values()]
        known = [*self._now.copy().values(), *before]
        together = self._together
        if together.secrets != frozenset[str]().union(*(each.secrets for each in known)):
            together = self._together = Redactor.of(known)
        return together

    def _forget(self) -> None:
        now, before = self._clock(), self._before.copy()
        for secrets in list(before)[:-MOST]:
            self._before.pop(secrets, None)
        for secrets, (until, _) in before.items():
            if until <= now:
                self._before.pop(secrets, None)
