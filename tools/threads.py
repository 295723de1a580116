"""Owns how work that blocks is done beside an event loop: threads do not stop when told to."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


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
    """Wait for work in a thread, however often one is cancelled meanwhile."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])
