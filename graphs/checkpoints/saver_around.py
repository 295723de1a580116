"""Owns what a saver around another passes on: all that concerns no values."""

from collections.abc import Sequence
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol


class SaverAround(BaseCheckpointSaver[Any]):
    """Stand around another saver.

    Args:
        saver: The other one.
        serializer: Writes and reads the values.
    """

    def __init__(self, saver: BaseCheckpointSaver[Any], serializer: SerializerProtocol) -> None:
        super().__init__(serde=serializer)
        self.saver = saver

    @property
    def config_specs(self) -> list[Any]:
        """What the saver can be configured with."""
        return self.saver.config_specs

    def get_next_version(self, current: Any, channel: None) -> Any:  # noqa: ANN401 - as the saver has them
        """Return a channel's next version, as the saver numbers them."""
        return self.saver.get_next_version(current, channel)

    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread's rows."""
        self.saver.delete_thread(thread_id)

    async def adelete_thread(self, thread_id: str) -> None:
        """Remove a thread's rows, on an event loop."""
        await self.saver.adelete_thread(thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Remove the rows of runs."""
        self.saver.delete_for_runs(run_ids)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Do what `delete_for_runs` does, on an event loop."""
        await self.saver.adelete_for_runs(run_ids)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Remove rows of threads as the saver does."""
        self.saver.prune(thread_ids, strategy=strategy)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Do what `prune` does, on an event loop."""
        await self.saver.aprune(thread_ids, strategy=strategy)
