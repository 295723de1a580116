"""Owns the two ways to run a graph, made alike, so that each story is told of both."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Durability, StateSnapshot
from tests.stories.search import spelled

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer
from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.principals import acting_as

T = TypeVar("T")
App = CompiledStateGraph[Any, Any, Any, Any]
Outcome = dict[str, Any] | BaseException
MODES: Any = ["values", "updates", "checkpoints", "tasks", "debug", "messages", "custom", "tools"]
"""Every stream mode there is, the undocumented one too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Describe one run of a graph: what it is given, where, and who drives it."""

    app: App
    given: Any
    config: RunnableConfig
    who: Principal
    durability: Durability | None = None


class Engine(ABC):
    """Run graphs on one checkpointer."""

    def __init__(self, checkpointer: BaseCheckpointSaver[Any]) -> None:
        self.checkpointer = checkpointer

    @abstractmethod
    def run(self, run: Run) -> dict[str, Any]:
        """Run a graph until it ends or waits."""

    @abstractmethod
    def watch(self, run: Run, saw: Callable[[str, object], None]) -> None:
        """Run a graph and tell of everything it streams, with the name of the stream."""

    @abstractmethod
    def run_together(self, runs: Sequence[Run]) -> list[Outcome]:
        """Start several runs at the same moment; return what each came to, errors included."""

    @abstractmethod
    def state(self, app: App, config: RunnableConfig) -> StateSnapshot:
        """Return a thread's state, with those of its agents."""

    @abstractmethod
    def history(self, app: App, config: RunnableConfig) -> list[StateSnapshot]:
        """Return every checkpoint of a thread, the newest first."""

    @abstractmethod
    def places(self, config: RunnableConfig) -> list[RunnableConfig]:
        """Return where every checkpoint of a thread lies, those of its agents too."""

    @abstractmethod
    def update(self, app: App, config: RunnableConfig, values: object, node: str) -> RunnableConfig:
        """Write into a thread's state as if a node had."""


class SyncEngine(Engine):
    """Run by `invoke`."""

    def run(self, run: Run) -> dict[str, Any]:  # noqa: D102 - as documented above
        with acting_as(run.who):
            return run.app.invoke(run.given, run.config, durability=run.durability)

    def watch(self, run: Run, saw: Callable[[str, object], None]) -> None:  # noqa: D102 - as above
        with acting_as(run.who):
            parts = run.app.stream(run.given, run.config, stream_mode=MODES, subgraphs=True)
            for _, mode, part in _parts(parts):
                saw(mode, spelled(part))

    def run_together(self, runs: Sequence[Run]) -> list[Outcome]:  # noqa: D102 - as above
        with ThreadPoolExecutor(len(runs)) as pool:
            futures = [pool.submit(self.run, run) for run in runs]
        return [future.exception() or future.result() for future in futures]

    def state(self, app: App, config: RunnableConfig) -> StateSnapshot:  # noqa: D102 - as above
        return app.get_state(config, subgraphs=True)

    def history(self, app: App, config: RunnableConfig) -> list[StateSnapshot]:  # noqa: D102 - as above
        return list(app.get_state_history(config))

    def places(self, config: RunnableConfig) -> list[RunnableConfig]:  # noqa: D102 - as above
        return [each.config for each in self.checkpointer.list(config)]

    def update(self, app: App, config: RunnableConfig, values: object, node: str) -> RunnableConfig:  # noqa: D102 - as above
        return app.update_state(config, values, as_node=node)


class AsyncEngine(Engine):
    """Run by `ainvoke`, on an event loop of its own."""

    def __init__(self, checkpointer: BaseCheckpointSaver[Any], loop: asyncio.Runner) -> None:
        super().__init__(checkpointer)
        self.loop = loop

    def _carry(self, coroutine: Coroutine[Any, Any, T]) -> T:
        results: list[T] = []

        async def keep() -> None:
            results.append(await coroutine)

        # Not as the task's own result: after a watch for Ctrl-C, `signal` spells that out.
        self.loop.run(keep())
        return results[0]

    def run(self, run: Run) -> dict[str, Any]:  # noqa: D102 - as documented above
        return self._carry(_arun(run))

    def watch(self, run: Run, saw: Callable[[str, object], None]) -> None:  # noqa: D102 - as above
        async def watch() -> None:
            with acting_as(run.who):
                events = run.app.astream_events(
                    run.given, run.config, version="v2", stream_mode=MODES, subgraphs=True
                )
                async for event in events:
                    saw("events", spelled(event))
                    if event["event"] == "on_chain_stream" and event["name"] == run.app.name:
                        chunk: Any = event["data"].get("chunk")
                        _, mode, part = chunk
                        saw(mode, spelled(part))

        self._carry(watch())

    def run_together(self, runs: Sequence[Run]) -> list[Outcome]:  # noqa: D102 - as above
        async def gather() -> list[Outcome]:
            return await asyncio.gather(*map(_arun, runs), return_exceptions=True)

        return self._carry(gather())

    def state(self, app: App, config: RunnableConfig) -> StateSnapshot:  # noqa: D102 - as above
        return self._carry(app.aget_state(config, subgraphs=True))

    def history(self, app: App, config: RunnableConfig) -> list[StateSnapshot]:  # noqa: D102 - as above
        async def collect() -> list[StateSnapshot]:
            return [snapshot async for snapshot in app.aget_state_history(config)]

        return self._carry(collect())

    def places(self, config: RunnableConfig) -> list[RunnableConfig]:  # noqa: D102 - as above
        async def collect() -> list[RunnableConfig]:
            return [each.config async for each in self.checkpointer.alist(config)]

        return self._carry(collect())

    def update(self, app: App, config: RunnableConfig, values: object, node: str) -> RunnableConfig:  # noqa: D102 - as above
        return self._carry(app.aupdate_state(config, values, as_node=node))


def _parts(parts: Any) -> Iterator[tuple[object, str, object]]:  # noqa: ANN401 - by its modes
    yield from parts


async def _arun(run: Run) -> dict[str, Any]:
    with acting_as(run.who):
        return await run.app.ainvoke(run.given, run.config, durability=run.durability)


@contextmanager
def open_sync_engine(url: str, sealing: SealingSerializer | None = None) -> Generator[Engine]:
    """Open the checkpoints at a URL for `invoke`."""
    with open_checkpointer(url, sealing) as checkpointer:
        yield SyncEngine(checkpointer)


@contextmanager
def open_async_engine(url: str, sealing: SealingSerializer | None = None) -> Generator[Engine]:
    """Open the checkpoints at a URL for `ainvoke`."""
    with asyncio.Runner() as loop:
        opening = open_async_checkpointer(url, sealing)
        checkpointer = loop.run(opening.__aenter__())
        try:
            yield AsyncEngine(checkpointer, loop)
        finally:
            loop.run(opening.__aexit__(None, None, None))


OPENERS: dict[str, Callable[..., Any]] = {"sync": open_sync_engine, "async": open_async_engine}
"""How an engine is opened, by the way it runs graphs."""
