"""Owns the renewing of logins: one thread that wakes when the next of them is due."""

import logging
import math
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)
_PAUSE = 60.0


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
                    target=self._run, name="bailiwick-vault-renewal", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def renew_due(self) -> None:
        """Renew what is due now."""
        with self._changed:
            due = [agent for agent, at in self._due.items() if at <= self._clock()]
        for agent in due:
            try:
                at = self._renew(agent)
            except Exception:
                # The thread is everybody's: one agent's trouble must not end it.
                logger.exception("the login of agent %r was not renewed", agent)
                at = self._clock() + _PAUSE
            with self._changed:
                self._due[agent] = at

    def close(self) -> None:
        """End the thread, and wait until it has ended."""
        with self._changed:
            self._is_closed = True
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while self._wait():
            self.renew_due()

    def _wait(self) -> bool:
        with self._changed:
            while not self._is_closed:
                left = min(self._due.values()) - self._clock()
                if left <= 0:
                    return True
                self._changed.wait(None if math.isinf(left) else left)
            return False
