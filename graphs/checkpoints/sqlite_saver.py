"""Owns LangGraph's SQLite saver for both kinds of run: on an event loop, each call is one trip."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.forks import Opening

_T = TypeVar("_T")


class DualSqliteSaver(SqliteSaver):
    """Keep checkpoints in a SQLite database, for `invoke` and for `ainvoke`.

    LangGraph's asynchronous saver goes to its thread and back for each statement, each commit and
    each cursor. This one makes a call of the synchronous saver whole, in a thread of its own.

    Args:
        connection: The database; it must be usable from any thread.
        serializer: Writes and reads the values.
    """

    def __init__(self, connection: sqlite3.Connection, serializer: SerializerProtocol) -> None:
        super().__init__(connection, serde=serializer)
        self._opening = Opening("the checkpoints' database", SettingsError)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")

    def close(self) -> None:
        """Wait for what is being written, and close the database; in a fork it is its parent's."""
        if not self._opening.is_here:
            return
        self._thread.shutdown()
        self.conn.close()

    @contextmanager
    def cursor(self, transaction: bool = True) -> Generator[sqlite3.Cursor]:  # noqa: FBT001, FBT002 - the interface's own
        """Give a cursor to the methods of LangGraph's saver.

        Raises:
            SettingsError: If this process is a fork of the one that opened the database.
        """
        self._opening.check()
        with super().cursor(transaction) as cursor:
            yield cursor

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Do what `get_tuple` does, on an event loop."""
        return await self._there(lambda: self.get_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the name is LangGraph's
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Do what `list` does, on an event loop; all are read before the first is given."""

        def read() -> list[CheckpointTuple]:
            return list(self.list(config, filter=filter, before=before, limit=limit))

        for found in await self._there(read):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Do what `put` does, on an event loop."""
        return await self._there(lambda: self.put(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Do what `put_writes` does, on an event loop."""
        await self._there(lambda: self.put_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """Do what `delete_thread` does, on an event loop."""
        await self._there(lambda: self.delete_thread(thread_id))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Do what `get_delta_channel_history` does, on an event loop."""
        return await self._there(
            lambda: self.get_delta_channel_history(config=config, channels=channels)
        )

    async def _there(self, call: Callable[[], _T]) -> _T:
        # A fork has no such thread, and would wait for it.
        self._opening.check()
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
