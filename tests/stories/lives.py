"""Owns how workers begin together, and how one ends at a step of its own."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from sqlalchemy import event

from bailiwick.graphs.checkpoints.sqlite_saver import DualSqliteSaver

LATE = 1.0
"""Seconds in which a refund is made many times over."""


class Barrier:
    """Let workers begin together, once each of them is ready."""

    def __init__(self) -> None:
        self._ready, self._gone = os.pipe(), os.pipe()

    def wait(self) -> None:
        """Say in a worker that it is ready, and wait for all others."""
        os.close(self._gone[1])
        os.write(self._ready[1], b".")
        os.read(self._gone[0], 1)

    def open(self, workers: int) -> None:
        """Wait until that many workers are ready, or have ended, and let them go."""
        os.close(self._ready[1])
        arrived = 0
        while arrived < workers and (said := os.read(self._ready[0], workers)):
            arrived += len(said)
        for end in (self._ready[0], *self._gone):
            os.close(end)


class Life:
    """Count the steps of a worker, and end it at one of them without any goodbye.

    Args:
        dies_at: The step at which it ends; none where negative.
        late: The agent whose checkpoints are kept `LATE` seconds late; none where it is empty.
    """

    def __init__(self, dies_at: int, late: str) -> None:
        self.steps: list[str] = []
        self._dies_at = dies_at
        self._late = late
        self._lock = threading.Lock()

    def step(self, name: str) -> None:
        """Take a step, or die before it."""
        with self._lock:
            if len(self.steps) == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.steps.append(name)

    def lateness(self, config: RunnableConfig) -> float:
        """Return how many seconds a checkpoint is kept late."""
        graph = str(config.get("configurable", {}).get("checkpoint_ns", ""))
        return LATE if self._late and graph.startswith(self._late) else 0.0

    def watch_transactions(self) -> None:
        """Count where every transaction of the ledger begins and where it is about to be kept."""
        for name in ("begin", "commit"):
            event.listen(sqlalchemy.Engine, name, self._stepping(f"ledger {name}"))

    def watch_checkpoints(self, checkpointer: BaseCheckpointSaver[Any]) -> None:
        """Count where each checkpoint, and each of a task's writes, is about to be kept."""
        life, kind = self, type(checkpointer)
        # Its asynchronous calls are the others, in its thread.
        is_dual = isinstance(checkpointer, DualSqliteSaver)

        class Mortal(kind):  # type: ignore[misc, valid-type]  # one of LangGraph's four
            def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:  # noqa: ANN401 - as LangGraph's
                life.step("checkpoint")
                time.sleep(life.lateness(config))
                return super().put(config, checkpoint, metadata, new_versions)

            def put_writes(
                self,
                config: Any,  # noqa: ANN401 - as above
                writes: Any,  # noqa: ANN401 - as above
                task_id: str,
                task_path: str = "",
            ) -> None:
                life.step("writes")
                super().put_writes(config, writes, task_id, task_path)

            async def aput(
                self,
                config: Any,  # noqa: ANN401 - as above
                checkpoint: Any,  # noqa: ANN401 - as above
                metadata: Any,  # noqa: ANN401 - as above
                new_versions: Any,  # noqa: ANN401 - as above
            ) -> Any:  # noqa: ANN401 - as above
                if not is_dual:
                    life.step("checkpoint")
                    await asyncio.sleep(life.lateness(config))
                return await super().aput(config, checkpoint, metadata, new_versions)

            async def aput_writes(
                self,
                config: Any,  # noqa: ANN401 - as above
                writes: Any,  # noqa: ANN401 - as above
                task_id: str,
                task_path: str = "",
            ) -> None:
                if not is_dual:
                    life.step("writes")
                await super().aput_writes(config, writes, task_id, task_path)

        checkpointer.__class__ = Mortal

    def _stepping(self, name: str) -> Callable[[object], None]:
        return lambda _: self.step(name)
