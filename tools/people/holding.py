"""Owns the hold that a run has on its thread: what ends there meanwhile is its own to carry on."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Say whose run holds a thread.

    Attributes:
        token: Tells the run's claim from every other.
        thread: The thread.
        place: Where it is kept.
        lapse: Seconds after which the claim is free for others, unless it is renewed.
    """

    token: str
    thread: str
    place: str
    lapse: float


_held: ContextVar[Hold | None] = ContextVar("bailiwick_held", default=None)


@contextmanager
def held(hold: Hold) -> Generator[None]:
    """Hold a thread that is run in this context."""
    before = _held.set(hold)
    try:
        yield
    finally:
        _held.reset(before)


def hold_on(thread: str, place: str) -> Hold | None:
    """Return the hold that the current run has on a thread, if it has one."""
    hold = _held.get()
    return hold if hold and (hold.thread, hold.place) == (thread, place) else None
