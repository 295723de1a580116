"""Owns whether a thread is saved as far as a call: after a crash it goes on from what is saved."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

PATIENCE = 5.0
"""Seconds to wait for a checkpoint that is being saved."""

SAVER, DURABILITY, _CHECKPOINTS = "__pregel_checkpointer", "__pregel_durability", "checkpoint_map"
"""Keys under which LangGraph keeps in a config what saves, when, and what it is to have saved."""


def is_saved(config: RunnableConfig) -> bool:
    """Tell whether each checkpoint that led to a running task is saved; wait for it if need be.

    LangGraph saves them behind the run. A process that dies before would leave a thread in which
    the model has asked for nothing yet: asked anew, it would want the same as another call.

    Args:
        config: The task's config. Without a checkpointer nothing goes on after a crash, so nothing
            needs to be saved.
    """
    saver, places = _awaited(config)
    for pause in _pauses(config):
        places = [place for place in places if saver.get_tuple(place) is None]
        if not places:
            return True
        time.sleep(pause)
    return not places


async def ais_saved(config: RunnableConfig) -> bool:
    """Do what `is_saved` does, on an event loop."""
    saver, places = _awaited(config)
    for pause in _pauses(config):
        places = [place for place in places if await saver.aget_tuple(place) is None]
        if not places:
            return True
        await asyncio.sleep(pause)
    return not places


def _awaited(config: RunnableConfig) -> tuple[Any, list[RunnableConfig]]:
    configurable = config.get("configurable", {})
    saver = configurable.get(SAVER)
    checkpoints: Mapping[str, str] = configurable.get(_CHECKPOINTS, {}) if saver else {}
    # The graphs come from the outermost in. Tasks of the functional API stand there like graphs,
    # with the checkpoint of the graph that runs them.
    graphs: dict[str, str] = {}
    for graph, checkpoint in checkpoints.items():
        graphs.setdefault(checkpoint, graph)
    thread = configurable.get("thread_id")
    return saver, [
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
