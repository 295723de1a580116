"""Owns how work that blocks is done beside an event loop: threads do not stop when told to."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)


async def to_its_end(work: Callable[[], T]) -> T:
    """Run blocking work in a thread, and wait for it even when cancelled."""
    future = in_thread(work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await ended(future)
        raise


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Begin blocking work in a thread, in a copy of the context."""
    # A future of the executor: `asyncio.run` cancels every task on its way out, but no future.
    return asyncio.get_running_loop().run_in_executor(None, copy_context().run, work)


async def ended(future: asyncio.Future[T]) -> None:
    """Wait for work in a thread, however often one is cancelled meanwhile; tell if it failed."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])
    tell_failure(future)


def tell_failure(future: asyncio.Future[T]) -> None:
    """Log why work failed that nobody awaits any more; that it was cancelled is no failure."""
    # asyncio tells of each error that nobody asked for, with its traceback.
    error = None if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, asyncio.CancelledError):
        kind = type(error).__name__
        logger.warning("what a cancelled run had left to do failed (%s): %s", kind, error)
