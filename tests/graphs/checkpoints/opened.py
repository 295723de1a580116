"""Owns how tests open checkpoints, in both ways."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer

CONFIG: RunnableConfig = {"configurable": {"thread_id": "one", "checkpoint_ns": ""}}


async def adopted(url: str, use: Callable[[BaseCheckpointSaver[Any]], Awaitable[object]]) -> object:
    """Use an asynchronous checkpointer while it is open."""
    async with open_async_checkpointer(url) as saver:
        return await use(saver)


def opening(url: str, way: str) -> None:
    """Open checkpoints and close them."""
    if way == "sync":
        with open_checkpointer(url):
            return

    async def nothing(_: object) -> None: ...

    asyncio.run(adopted(url, nothing))
