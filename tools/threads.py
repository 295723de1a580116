"""Owns how work that blocks is done beside an event loop: in whose threads, and to its end."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import cache
from typing import Generic, Literal, TypeAlias, TypeVar

from bailiwick.tools.beginnings import Beginning

MOST = 15
"""Threads of each kind, made when needed: as many as a ledger has connections to PostgreSQL."""

Kind: TypeAlias = Literal["short", "leases", "keys"]
"""What threads are for: work that is short, or that waits for Vault, for a lease or for a key."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Work(Generic[T]):
    """Hold work in a thread: it begins and is done to its end, or is dropped before.

    Args:
        threads: Whose threads; asyncio's where it is left out.
        work: The work.

    Attributes:
        future: What comes of it. Shield it, or a cancelled caller does not learn how it ended.
    """

    def __init__(self, threads: Executor | None, work: Callable[[], T]) -> None:
        self._work = work
        self._beginning = Beginning()
        # A future of an executor: `asyncio.run` cancels every task on its way out, but no future.
        self.future: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(
            threads, copy_context().run, self._run
        )

    async def drop(self) -> None:
        """Keep it from beginning at once, or wait for its end as `ended` does."""
        if self._beginning.prevent():
            self.future.cancel()
        else:
            await ended(self.future)

    def _run(self) -> T:
        self._beginning.come()
        return self._work()


async def to_its_end(work: Callable[[], T]) -> T:
    """Do short work in a thread of our own, and wait for it even when cancelled."""
    future = Work(_own("short"), work).future
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await ended(future)
        raise


async def unless_cancelled(work: Callable[[], T], kind: Kind = "short") -> T:
    """Do what `to_its_end` does, but for work that has not begun when one is cancelled.

    Args:
        work: The work, which nobody misses then.
        kind: Of which of our own threads it takes one.
    """
    begun = Work(_own(kind), work)
    try:
        return await asyncio.shield(begun.future)
    except asyncio.CancelledError:
        await begun.drop()
        raise


def among_tools(work: Callable[[], T]) -> Work[T]:
    """Give work that may take long to a thread of asyncio's, as LangGraph does with tools."""
    return Work(None, work)


async def ended(future: asyncio.Future[T]) -> None:
    """Wait for work in a thread, however often one is cancelled meanwhile; tell if it failed."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])
    tell_failure(future)


def tell_failure(future: asyncio.Future[T]) -> None:
    """Log why work failed that nobody awaits any more; to stop or to ask is no failure."""
    # asyncio tells of each error that nobody asked for, with its traceback.
    error = None if future.cancelled() else future.exception()
    if error is not None and not _stops_or_asks(error):
        kind = type(error).__name__
        logger.warning("what a cancelled run had left to do failed (%s): %s", kind, error)


def _stops_or_asks(error: BaseException) -> bool:
    # LangGraph takes a second to import, and whoever only reads the ledger runs no graph.
    from langgraph.errors import GraphBubbleUp  # noqa: PLC0415

    return isinstance(error, asyncio.CancelledError | GraphBubbleUp)


@cache
def _own(kind: Kind) -> Executor:
    # asyncio's threads are few, and slow tools hold all of them: no question would be asked then.
    # Nor would one while Vault is slow, if those who wait for it held the threads of the rest.
    return ThreadPoolExecutor(MOST, thread_name_prefix=f"bailiwick-{kind}")


if hasattr(os, "register_at_fork"):
    # A fork has none of its parent's threads.
    os.register_at_fork(after_in_child=_own.cache_clear)
