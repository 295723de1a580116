"""Owns the renewing of logins: one thread that wakes when the next of them is due."""

import logging
import math
import threading
import weakref
from collections.abc import Callable

logger = logging.getLogger(__name__)
_PAUSE = 60.0
"""Seconds after which the thread looks whether it is needed, and after a trouble tries again."""


class Renewal:
    """Renew logins in time, all from one thread; it starts with the first and ends with `close`.

    Args:
        renew: Renews an agent's login and returns when to come again; infinity is never.
        clock: Gives monotonic seconds.
    """

    def __init__(self, renew: Callable[[str], float], clock: Callable[[], float]) -> None:
        self._renew = renew
        self._clock = clock
        self._changed = threading.Condition()
        self._due: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def watch(self, agent: str, at: float) -> None:
        """Renew an agent's login at a time; one that is never due starts no thread."""
        with self._changed:
            self._due[agent] = at
            if math.isinf(at) or self._is_closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_run,
                    args=(weakref.ref(self), self._changed),
                    name="bailiwick-vault-renewal",
                    daemon=True,
                )
                self._thread.start()
            self._changed.notify()

    def renew_due(self) -> None:
        """Renew what is due now."""
        with self._changed:
            due = {agent: at for agent, at in self._due.items() if at <= self._clock()}
        for agent, was in due.items():
            at = self._renewed(agent)
            with self._changed:
                # Where a new login was made meanwhile, it has its own time.
                if self._due[agent] == was:
                    self._due[agent] = at

    def close(self) -> None:
        """End the thread, and wait until it has ended."""
        with self._changed:
            self._is_closed = True
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            thread.join()

    @property
    def left(self) -> float:
        """The seconds until the next login is due; less than none where nothing ever will be."""
        return -1.0 if self._is_closed else max(0.0, min(self._due.values()) - self._clock())

    def _renewed(self, agent: str) -> float:
        try:
            return self._renew(agent)
        except Exception:
            # The thread is everybody's: one agent's trouble must not end it.
            logger.exception("the login of agent %r was not renewed", agent)
            return self._clock() + _PAUSE


def _run(held: "weakref.ref[Renewal]", changed: threading.Condition) -> None:
    # A connection that was dropped and not closed must not be kept, and its logins alive, by the
    # thread that serves it: between two looks nothing here holds it.
    while (renewal := held()) is not None:
        with changed:
            left = renewal.left
            if left > 0:
                del renewal
                changed.wait(min(left, _PAUSE))
                continue
        if left < 0:
            return
        renewal.renew_due()
        del renewal
