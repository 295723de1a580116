"""Owns where a thread is, as seen from one graph: here, with another graph, or nowhere.

Graphs that share checkpoints share the names of threads. LangGraph shows whatever it finds there as
a state of the graph that asks, without what that graph has no nodes for, and would run it on.
"""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

App: TypeAlias = CompiledStateGraph[Any, Any, Any, Any]
Whereabouts: TypeAlias = Literal["here", "elsewhere", "nowhere"]

# LangGraph's own names of what triggers a node, with the node's at their end, and of what was sent.
_TRIGGERS = ("branch:to:", "join:")
_SENT = "__pregel_tasks"


def find(app: App, thread: str) -> Whereabouts:
    """Tell where a thread is.

    It is `elsewhere` if its checkpoint names nodes that the graph does not have: those that are to
    run, or, where none is, those that ever ran. A graph that has lost a node goes on with the
    threads that do not wait there. Two graphs whose nodes are named alike cannot be told apart.

    Args:
        app: The compiled graph, with its checkpointer.
        thread: The thread.
    """
    return _seen_from(app, _saver(app).get_tuple(_config(thread)))


async def afind(app: App, thread: str) -> Whereabouts:
    """Do what `find` does, on an event loop and with an asynchronous checkpointer."""
    return _seen_from(app, await _saver(app).aget_tuple(_config(thread)))


def _saver(app: App) -> BaseCheckpointSaver[Any]:
    # A graph without one has no threads: LangGraph says so where it is looked at.
    return cast("BaseCheckpointSaver[Any]", app.checkpointer)


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def _seen_from(app: App, saved: CheckpointTuple | None) -> Whereabouts:
    if saved is None:
        return "nowhere"
    named = set(_next(saved.checkpoint)) or set(_past(saved.checkpoint))
    return "here" if named <= set(app.nodes) else "elsewhere"


def _next(checkpoint: Checkpoint) -> Iterator[str]:
    values = checkpoint["channel_values"]
    yield from _triggered(values)
    for each in values.get(_SENT) or ():
        if isinstance(each, Send):
            yield each.node


def _past(checkpoint: Checkpoint) -> Iterator[str]:
    yield from _triggered(checkpoint["channel_versions"])
    yield from (node for node in checkpoint["versions_seen"] if not node.startswith("__"))


def _triggered(channels: Iterator[str] | dict[str, Any]) -> Iterator[str]:
    for channel in channels:
        if channel.startswith(_TRIGGERS):
            yield channel.rpartition(":")[2]
