"""Owns how work that blocks is done beside an event loop: in whose threads, and to its end."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import cache
from typing import TypeVar

from langgraph.errors import GraphBubbleUp

MOST = 15
"""Threads at most, made when they are needed: as many as a ledger has connections to PostgreSQL."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


async def to_its_end(work: Callable[[], T]) -> T:
    """Do short work in a thread of our own, and wait for it even when cancelled."""
    future = _begun(_own(), work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await ended(future)
        raise


def among_tools(work: Callable[[], T]) -> asyncio.Future[T]:
    """Begin work that may take long in a thread of asyncio's, as LangGraph does with tools."""
    return _begun(None, work)


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
    if error is not None and not isinstance(error, asyncio.CancelledError | GraphBubbleUp):
        kind = type(error).__name__
        logger.warning("what a cancelled run had left to do failed (%s): %s", kind, error)


@cache
def _own() -> Executor:
    # asyncio's threads are few, and slow tools hold all of them: no question would be asked then.
    return ThreadPoolExecutor(MOST, thread_name_prefix="bailiwick")


def _begun(threads: Executor | None, work: Callable[[], T]) -> asyncio.Future[T]:
    # A future of an executor: `asyncio.run` cancels every task on its way out, but no future.
    return asyncio.get_running_loop().run_in_executor(threads, copy_context().run, work)


if hasattr(os, "register_at_fork"):
    # A fork has none of its parent's threads.
    os.register_at_fork(after_in_child=_own.cache_clear)
