"""Owns the checkpointers of the measurements, by the URL of a place."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer


@contextmanager
def saver_at(place: str | None) -> Generator[Any]:
    """Yield a checkpointer for `invoke`: none for `None`, one in memory for the empty text."""
    if not place:
        yield None if place is None else InMemorySaver()
        return
    with open_checkpointer(place) as saver:
        yield saver


@asynccontextmanager
async def async_saver_at(place: str | None) -> AsyncGenerator[Any]:
    """Yield a checkpointer for `ainvoke`; see `saver_at`."""
    if not place:
        yield None if place is None else InMemorySaver()
        return
    async with open_async_checkpointer(place) as saver:
        yield saver
