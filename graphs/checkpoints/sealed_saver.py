"""Owns the sealing of checkpoints around any of LangGraph's savers."""

import copy
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)

from bailiwick.graphs.checkpoints import sealed_rows as rows
from bailiwick.graphs.checkpoints.saver_around import SaverAround
from bailiwick.graphs.checkpoints.sealing import Place, SealingSerializer
from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.keys.checkpoint_keys import Forgotten
from bailiwick.tools.threads import unless_cancelled


class SealedSaver(SaverAround):
    """Keep checkpoints in another saver, sealed.

    Each call is made with the saver's serializer bound to the call's thread and namespace, and with
    the thread's keys fetched before, off the event loop where there is one. Values that savers keep
    beside their rows are labelled with channel and task, so that none opens in another's place;
    where the row itself is kept unsealed, as PostgreSQL's is for its queries, a seal over it is
    kept in it, and no value but None in it.

    Args:
        saver: Keeps them; its tables must have been set up.
        serializer: Seals and opens.
        is_whole: Whether the saver keeps each checkpoint as one value, as SQLite's does: then no
            seal over its row is needed.
    """

    def __init__(
        self,
        saver: BaseCheckpointSaver[Any],
        serializer: SealingSerializer,
        *,
        is_whole: bool = False,
    ) -> None:
        super().__init__(saver, serializer)
        self._is_whole = is_whole

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, the latest where the config names none.

        Raises:
            CheckpointError: If it was changed, moved, or not sealed.
            VaultError: If its key must be fetched, and Vault refuses or is not there.
        """
        place = rows.place_of(config)
        self._serde.keys.prepare(place.thread, sealing=False)
        with rows.named(place, config):
            found = self._at(place).get_tuple(config)
            return found and rows.opened(self._serde.at(place), found)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Do what `get_tuple` does, on an event loop."""
        place = rows.place_of(config)
        await self._prepare(place, sealing=False)
        with rows.named(place, config):
            found = await self._at(place).aget_tuple(config)
            return found and rows.opened(self._serde.at(place), found)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the name is LangGraph's
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Iterate over checkpoints, newest first.

        Raises:
            CheckpointError: If one was changed, moved, or not sealed.
        """
        if (place := rows.whole_place(config)) is None:
            with closing(rows.closable(self._at(None).list(config, before=before))) as skimmed:
                places = [row.config for row in skimmed]
            yield from rows.first(limit, self._each(places), filter)
            return
        self._serde.keys.prepare(place.thread, sealing=False)
        kept = self._at(place).list(config, filter=filter, before=before, limit=limit)
        with closing(rows.closable(kept)) as found:
            while True:
                with rows.named(place, config):
                    row = next(found, None)
                    opened = row and rows.opened(self._serde.at(place), row)
                if opened is None:
                    return
                yield opened

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - as above
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Do what `list` does, on an event loop."""
        if (place := rows.whole_place(config)) is None:
            skimmed = self._at(None).alist(config, before=before)
            places = [row.config async for row in skimmed]
            found = [row async for row in self._aeach(places)]
            for each in rows.first(limit, found, filter):
                yield each
            return
        await self._prepare(place, sealing=False)
        kept = self._at(place).alist(config, filter=filter, before=before, limit=limit)
        async with aclosing(rows.closable(kept)) as coming:
            while True:
                with rows.named(place, config):
                    row = await anext(coming, None)
                    opened = row and rows.opened(self._serde.at(place), row)
                if opened is None:
                    return
                yield opened

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint.

        Raises:
            CheckpointError: If it cannot be sealed; then nothing is kept.
            VaultError: If a key must be fetched, and Vault refuses or is not there.
        """
        place = rows.place_of(config)
        self._serde.keys.prepare(place.thread, sealing=True)
        kept = self._closed(place, config, checkpoint, metadata)
        return self._at(place).put(rows.bare(config), *kept, new_versions)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Do what `put` does, on an event loop."""
        place = rows.place_of(config)
        await self._prepare(place, sealing=True)
        kept = self._closed(place, config, checkpoint, metadata)
        return await self._at(place).aput(rows.bare(config), *kept, new_versions)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Keep what a task has written.

        Raises:
            CheckpointError: If it cannot be sealed; then nothing is kept.
            VaultError: If a key must be fetched, and Vault refuses or is not there.
        """
        place = rows.place_of(config)
        self._serde.keys.prepare(place.thread, sealing=True)
        self._at(place).put_writes(config, rows.closed_writes(writes, task_id), task_id, task_path)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Do what `put_writes` does, on an event loop."""
        place = rows.place_of(config)
        await self._prepare(place, sealing=True)
        kept = rows.closed_writes(writes, task_id)
        await self._at(place).aput_writes(config, kept, task_id, task_path)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return what channels are rebuilt from that keep their changes only.

        Raises:
            CheckpointError: If something of it was changed, moved, or not sealed.
        """
        place = rows.place_of(config)
        self._serde.keys.prepare(place.thread, sealing=False)
        with rows.named(place, config):
            found = self._at(place).get_delta_channel_history(config=config, channels=channels)
            return rows.opened_history(self._serde.at(place), found)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Do what `get_delta_channel_history` does, on an event loop."""
        place = rows.place_of(config)
        await self._prepare(place, sealing=False)
        with rows.named(place, config):
            saver = self._at(place)
            found = await saver.aget_delta_channel_history(config=config, channels=channels)
            return rows.opened_history(self._serde.at(place), found)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Refuse: sealed rows are bound to their thread.

        Raises:
            CheckpointError: Always.
        """
        raise CheckpointError(
            f"thread {source_thread_id!r} cannot be copied to {target_thread_id!r}: its "
            "checkpoints are sealed for it alone; start the new thread with its messages"
        )

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Refuse, as `copy_thread` does.

        Raises:
            CheckpointError: Always.
        """
        self.copy_thread(source_thread_id, target_thread_id)

    def _closed(
        self,
        place: Place,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
    ) -> tuple[Checkpoint, CheckpointMetadata]:
        needed = rows.scrubbed(config, metadata)
        serde = None if self._is_whole else self._serde.at(place)
        return rows.closed(checkpoint, needed, serde), needed

    @property
    def _serde(self) -> SealingSerializer:
        # `with_allowlist` puts another one there, of the same kind.
        return cast("SealingSerializer", self.serde)

    def _at(self, place: Place | None) -> BaseCheckpointSaver[Any]:
        # As `with_allowlist` of LangGraph's own savers does: they share all but the serializer.
        saver = copy.copy(self.saver)
        saver.serde = self._serde.skimming() if place is None else self._serde.at(place)
        return saver

    async def _prepare(self, place: Place, *, sealing: bool) -> None:
        keys = self._serde.keys
        if not keys.is_ready(place.thread, sealing=sealing):
            await unless_cancelled(lambda: keys.prepare(place.thread, sealing=sealing), "keys")

    def _each(self, places: Iterable[RunnableConfig]) -> Iterator[CheckpointTuple]:
        for config in places:
            try:
                found = self.get_tuple(config)
            except Forgotten:
                continue
            if found is not None:
                yield found

    async def _aeach(self, places: Iterable[RunnableConfig]) -> AsyncIterator[CheckpointTuple]:
        for config in places:
            try:
                found = await self.aget_tuple(config)
            except Forgotten:
                continue
            if found is not None:
                yield found
