"""Owns what is saved of the way to a call, and whether it goes on from what was done before."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from bailiwick.tools.effects.branches import Point

PATIENCE = 5.0
"""Seconds to wait for a checkpoint that is being saved."""

SKEW = 300.0
"""Seconds by which the clocks of a thread's workers may differ."""

SAVER, DURABILITY, _CHECKPOINTS = "__pregel_checkpointer", "__pregel_durability", "checkpoint_map"
"""Keys under which LangGraph keeps in a config what saves, when, and what it is to have saved."""

_COPIES = frozenset({"fork", "update"})
"""Where checkpoints come from that somebody has made of another one."""

Checkpoint = Any
"""LangGraph's `CheckpointTuple`, whose package is not imported here."""


def saved_way(config: RunnableConfig) -> list[Checkpoint] | None:
    """Return each checkpoint that led to a running task, once all are saved; `None` if one is not.

    LangGraph saves them behind the run. A process that dies before would leave a thread in which
    the model has asked for nothing yet: asked anew, it would want the same as another call.

    Args:
        config: The task's config. Without a checkpointer nothing goes on after a crash, so nothing
            needs to be saved.
    """
    saver, way = _saver(config), list[Checkpoint]()
    for place in _places(config):
        for pause in _pauses(config):
            if (found := saver.get_tuple(place)) is not None:
                way.append(found)
                break
            time.sleep(pause)
        else:
            return None
    return way


async def asaved_way(config: RunnableConfig) -> list[Checkpoint] | None:
    """Do what `saved_way` does, on an event loop."""
    saver, way = _saver(config), list[Checkpoint]()
    for place in _places(config):
        for pause in _pauses(config):
            if (found := await saver.aget_tuple(place)) is not None:
                way.append(found)
                break
            await asyncio.sleep(pause)
        else:
            return None
    return way


def points(
    config: RunnableConfig, way: list[Checkpoint], taken: Mapping[str, str]
) -> tuple[Point, ...] | None:
    """Return the points of a way that goes on from where something was changed before.

    A thread can be run again from any of its checkpoints, and twice at once from one: its model is
    called anew then, and what it wants is another call to all appearances.

    Args:
        config: The task's config.
        way: What `saved_way` gave.
        taken: By graph, the checkpoint from which something was changed last.

    Returns:
        `None` if the way has branched off before one of these.
    """
    saver, found = _saver(config), list[Point]()
    for at in way:
        back = _WayBack(at, taken)
        while place := back.place:
            back.take(saver.get_tuple(place))
        if not back.has_come:
            return None
        found.append(back.point)
    return tuple(found)


async def apoints(
    config: RunnableConfig, way: list[Checkpoint], taken: Mapping[str, str]
) -> tuple[Point, ...] | None:
    """Do what `points` does, on an event loop."""
    saver, found = _saver(config), list[Point]()
    for at in way:
        back = _WayBack(at, taken)
        while place := back.place:
            back.take(await saver.aget_tuple(place))
        if not back.has_come:
            return None
        found.append(back.point)
    return tuple(found)


class _WayBack:
    """Go back from a checkpoint to the one from which something was changed last, if it is there.

    Attributes:
        point: The checkpoint, and that one.
        has_come: Whether the way leads there.
    """

    def __init__(self, at: Checkpoint, taken: Mapping[str, str]) -> None:
        graph = at.config["configurable"]["checkpoint_ns"]
        self.point = Point(graph=graph, checkpoint=at.checkpoint["id"], after=taken.get(graph))
        self.has_come = self.point.after in {None, self.point.checkpoint}
        self._at: Checkpoint = at

    @property
    def place(self) -> RunnableConfig | None:
        """Where the checkpoint before is kept; `None` where the way back ends."""
        parent = None if self.has_come else self._at.parent_config
        if parent and _is_older(parent["configurable"]["checkpoint_id"], str(self.point.after)):
            return None
        return parent

    def take(self, before: Checkpoint | None) -> None:
        """Go to the checkpoint before; it may be gone."""
        # A copy has the same to do as what it is a copy of, and does it once more.
        is_copy = self._at.metadata.get("source") in _COPIES
        if before is None or (is_copy and before.checkpoint["id"] == self.point.after):
            before = self._at._replace(parent_config=None)
        else:
            self.has_come = before.checkpoint["id"] == self.point.after
        self._at = before


def _is_older(one: str, other: str) -> bool:
    """Tell whether a checkpoint was made before another, whatever their makers' clocks say.

    Ids grow with time: what is older than the one that is looked for does not come from it.
    """
    return _time(one) < _time(other) - SKEW


def _time(checkpoint: str) -> float:
    # A UUID of version 6 begins with its time, in tenths of microseconds, around the version.
    digits = checkpoint.replace("-", "")
    return int(digits[:12] + digits[13:16], 16) / 1e7


def _saver(config: RunnableConfig) -> Any:  # noqa: ANN401 - as above
    return config.get("configurable", {}).get(SAVER)


def _places(config: RunnableConfig) -> list[RunnableConfig]:
    configurable = config.get("configurable", {})
    checkpoints: Mapping[str, str] = configurable.get(_CHECKPOINTS, {})
    if not configurable.get(SAVER):
        return []
    # The graphs come from the outermost in. Tasks of the functional API stand there like graphs,
    # with the checkpoint of the graph that runs them.
    graphs: dict[str, str] = {}
    for graph, checkpoint in checkpoints.items():
        graphs.setdefault(checkpoint, graph)
    # LangGraph keeps a number or a UUID as text, and tells its nodes of it as it came.
    thread = str(configurable.get("thread_id"))
    return [
        {"configurable": {"thread_id": thread, "checkpoint_ns": graph, "checkpoint_id": checkpoint}}
        for checkpoint, graph in graphs.items()
    ]


def _pauses(config: RunnableConfig) -> Iterator[float]:
    if config.get("configurable", {}).get(DURABILITY) == "exit":
        # Nothing is saved while the run lasts.
        yield 0
        return
    until, pause = time.monotonic() + PATIENCE, 0.001
    while True:
        yield pause
        if time.monotonic() > until:
            return
        pause = min(2 * pause, 0.1)
