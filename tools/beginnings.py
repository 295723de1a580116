"""Owns the moment in which a tool begins: a call that was stopped before it had no effect."""

import threading
from asyncio import CancelledError
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar


class Beginning:
    """Decide whether the tool of one call begins or is kept from it: one of both, for good.

    A tool that waits for a thread may get one at the very moment in which its call is cancelled.
    """

    __slots__ = ("_lock", "_state")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = "awaited"

    @contextmanager
    def awaited(self) -> Generator[None]:
        """Let the tool begin that runs in this context, or in a thread that has a copy of it."""
        token = _awaited.set(self)
        try:
            yield
        finally:
            _awaited.reset(token)

    def come(self) -> None:
        """Say that the tool begins now.

        Raises:
            CancelledError: If it was kept from it.
        """
        with self._lock:
            self.check()
            self._state = "come"

    def check(self) -> None:
        """Go on only where the tool may still begin.

        Raises:
            CancelledError: If it was kept from it.
        """
        if self._state == "prevented":
            raise CancelledError

    def prevent(self) -> bool:
        """Keep the tool from beginning; false if it has begun."""
        with self._lock:
            if self._state == "come":
                return False
            self._state = "prevented"
            return True


_awaited: ContextVar[Beginning | None] = ContextVar("bailiwick_beginning", default=None)


def begins() -> None:
    """Say that the tool of the current call runs from here on.

    Raises:
        CancelledError: If it must not any more.
    """
    if (beginning := _awaited.get()) is not None:
        beginning.come()
