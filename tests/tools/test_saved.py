"""Whether a thread is saved as far as a call, in each shape that LangGraph gives to graphs."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from bailiwick.tools import saved
from bailiwick.tools.saved import apoints, asaved_way, points, saved_way

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
LATE = 0.05
"""Seconds by which what is saved comes late."""


class State(TypedDict, total=False):
    """Say what was found."""

    found: bool


class LateSaver(InMemorySaver):
    """Save everything late."""

    def put(self, *given: Any, **named: Any) -> RunnableConfig:  # noqa: ANN401 - as LangGraph's
        """Save a checkpoint."""
        time.sleep(LATE)
        return super().put(*given, **named)

    async def aput(self, *given: Any, **named: Any) -> RunnableConfig:  # noqa: ANN401 - as above
        """Save a checkpoint, on an event loop."""
        await asyncio.sleep(LATE)
        return super().put(*given, **named)


def look(state: State) -> State:  # noqa: ARG001 - a node takes the state
    """Say whether all is saved that led here, and that nobody had to believe it."""
    config = get_config()
    return {"found": _stands(config, saved_way(config))}


async def alook(state: State) -> State:  # noqa: ARG001 - as above
    """Do the same, on an event loop."""
    config = get_config()
    return {"found": _stands(config, await asaved_way(config))}


def _stands(config: RunnableConfig, way: list[Any] | None) -> bool:
    if way is None:
        return False
    configurable = config.get("configurable", {})
    led = configurable.get("checkpoint_map", {}).values() if way else []
    return [each.checkpoint["id"] for each in way] == list(dict.fromkeys(led))


def flat(node: Any, checkpointer: Any = None) -> Any:  # noqa: ANN401 - of either way
    """Return a graph of one node."""
    return StateGraph(State).add_node("look", node).add_edge(START, "look").compile(checkpointer)


def nested(node: Any, saver: InMemorySaver) -> Any:  # noqa: ANN401 - as above
    """Return a graph within a graph."""
    return flat(flat(node), saver)


def remembering(node: Any, saver: InMemorySaver) -> Any:  # noqa: ANN401 - as above
    """Return a graph around one that keeps its state from run to run."""
    return flat(flat(node, True), saver)


def functional(node: Any, saver: InMemorySaver) -> Any:  # noqa: ANN401 - as above
    """Return a workflow with a graph in one of its tasks."""
    inner = flat(node)
    if node is look:

        @task
        def work(state: State) -> Any:  # noqa: ANN401 - as above
            return inner.invoke(state)

        @entrypoint(checkpointer=saver)
        def flow(state: State) -> Any:  # noqa: ANN401 - as above
            return work(state).result()

        return flow

    @task
    async def awork(state: State) -> Any:  # noqa: ANN401 - as above
        return await inner.ainvoke(state)

    @entrypoint(checkpointer=saver)
    async def aflow(state: State) -> Any:  # noqa: ANN401 - as above
        return await awork(state)

    return aflow


def run(
    shape: Callable[..., Any],
    saver: Any,  # noqa: ANN401 - as above
    way: str,
    thread: RunnableConfig = THREAD,
    **options: Any,  # noqa: ANN401 - as above
) -> bool:
    """Run a shape; return what was found in it."""
    if way == "sync":
        return bool(shape(look, saver).invoke({"found": False}, thread, **options)["found"])
    given = shape(alook, saver).ainvoke({"found": False}, thread, **options)
    return bool(asyncio.run(given)["found"])


WAYS = pytest.mark.parametrize("way", ["sync", "async"])


@WAYS
@pytest.mark.parametrize("shape", [flat, nested, remembering, functional])
def test_what_is_being_saved_is_waited_for(shape: Callable[..., Any], way: str) -> None:
    """In the graph itself and in each around it."""
    assert run(shape, LateSaver(), way)


@WAYS
@pytest.mark.parametrize("name", [7, UUID(int=7)], ids=["number", "uuid"])
def test_a_thread_may_be_named_by_anything(name: object, way: str) -> None:
    """LangGraph keeps it under its text."""
    assert run(nested, InMemorySaver(), way, {"configurable": {"thread_id": name}})


@WAYS
def test_without_a_checkpointer_nothing_is_waited_for(way: str) -> None:
    """No thread goes on after a crash."""
    assert run(flat, None, way)


@WAYS
def test_what_is_never_saved_is_given_up(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent below a thread that is kept, without checkpoints of its own."""
    monkeypatch.setattr(saved, "PATIENCE", 0.1)

    def forgetful(node: object, saver: InMemorySaver) -> Any:  # noqa: ANN401 - as above
        return flat(flat(node, False), saver)

    assert not run(forgetful, InMemorySaver(), way)


@WAYS
def test_a_run_that_saves_at_its_end_is_not_waited_for(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be for nothing."""
    monkeypatch.setattr(saved, "PATIENCE", 600)
    assert not run(flat, InMemorySaver(), way, durability="exit")


@WAYS
def test_a_database_that_fails_is_an_error(way: str) -> None:
    """And no answer."""

    class Broken(InMemorySaver):
        asked = 0

        def get_tuple(self, config: RunnableConfig) -> Any:  # noqa: ANN401 - as LangGraph's
            self.asked += 1
            if self.asked > 1:
                raise OSError("the disk is gone")
            return super().get_tuple(config)

        async def aget_tuple(self, config: RunnableConfig) -> Any:  # noqa: ANN401 - as above
            return self.get_tuple(config)

    with pytest.raises(OSError, match="the disk is gone"):
        run(flat, Broken(), way)


def linear(saver: InMemorySaver) -> list[Any]:
    """Return the checkpoints of a thread that has gone on for a while, the oldest first."""
    app = flat(look, saver)
    for _ in range(3):
        app.invoke({"found": False}, THREAD)
    return list(saver.list(THREAD))[::-1]


@WAYS
def test_a_way_goes_on_from_any_checkpoint_before(way: str) -> None:
    """And from none after, none beside it, and none that is gone."""
    saver = InMemorySaver()
    line = linear(saver)
    ids = [each.checkpoint["id"] for each in line]
    config: RunnableConfig = {"configurable": {"__pregel_checkpointer": saver}}

    def goes_on(at: Any, last: str) -> bool:  # noqa: ANN401 - LangGraph's tuple
        if way == "sync":
            return points(config, [at], {"": last}) is not None
        return asyncio.run(apoints(config, [at], {"": last})) is not None

    assert all(goes_on(line[-1], each) for each in ids)
    assert not any(goes_on(line[2], each) for each in ids[3:])
    fork = flat(look, saver).update_state(line[4].config, {"found": True}, "look")
    found = saver.get_tuple(fork)
    assert [goes_on(found, each) for each in ids[:6]] == [True] * 4 + [False] * 2
    del saver.storage["t"][""][ids[1]]
    assert not goes_on(line[-1], ids[0])
    assert goes_on(line[-1], ids[2])
