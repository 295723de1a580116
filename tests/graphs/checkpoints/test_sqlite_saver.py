"""One SQLite saver for both kinds of run: the same rows, off the event loop, nothing cut off."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer
from bailiwick.graphs.checkpoints.sqlite_saver import DualSqliteSaver

THREAD: RunnableConfig = {"configurable": {"thread_id": "one", "checkpoint_ns": ""}}


def joined(state: list[AnyMessage], writes: Sequence[list[AnyMessage]]) -> list[AnyMessage]:
    """Add messages to messages."""
    return [*state, *(message for write in writes for message in write)]


class State(TypedDict):
    """A conversation, stored as what was written to it."""

    messages: Annotated[list[AnyMessage], DeltaChannel(joined)]


def answered(state: State) -> dict[str, list[AnyMessage]]:
    """Say how many messages there were."""
    return {"messages": [AIMessage(str(len(state["messages"])))]}


def app(saver: Any) -> Any:  # noqa: ANN401 - any saver, a graph of any schema
    """Return a graph that answers."""
    made = StateGraph(State)
    made.add_node("answered", answered)
    made.add_edge(START, "answered")
    return made.compile(checkpointer=saver)


def texts(values: Any) -> list[str]:  # noqa: ANN401 - a graph's state
    """Return what was said."""
    return [message.content for message in values["messages"]]


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[DualSqliteSaver]:
    """Give an open saver."""
    with open_checkpointer(f"sqlite:///{tmp_path / 'c.db'}") as opened:
        assert isinstance(opened, DualSqliteSaver)
        yield opened


def test_one_saver_serves_both_kinds_of_run(saver: DualSqliteSaver) -> None:
    """A thread goes on either way, and its history reads the same."""
    graph, said = app(saver), {"messages": [HumanMessage("hi")]}
    graph.invoke(said, THREAD)
    asyncio.run(graph.ainvoke(said, THREAD))
    assert texts(graph.invoke(said, THREAD)) == ["hi", "1", "hi", "3", "hi", "5"]

    async def history() -> list[Any]:
        return [each async for each in graph.aget_state_history(THREAD)]

    kept = list(graph.get_state_history(THREAD))
    assert [each.values for each in asyncio.run(history())] == [each.values for each in kept]
    assert len(kept) == 9


async def test_what_is_listed_is_filtered_and_limited(saver: DualSqliteSaver) -> None:
    """As the synchronous list does it."""
    for _ in range(3):
        await app(saver).ainvoke({"messages": [HumanMessage("hi")]}, THREAD)
    only = {"source": "input"}
    found = [each async for each in saver.alist(THREAD, filter=only, limit=2)]
    assert found == list(saver.list(THREAD, filter=only, limit=2))
    assert len(found) == 2
    older = [each async for each in saver.alist(THREAD, filter=only, before=found[0].config)]
    assert older == list(saver.list(THREAD, filter=only))[1:]


async def test_a_thread_is_written_while_it_is_read(saver: DualSqliteSaver) -> None:
    """Who reads a history holds nobody up, himself included."""
    graph = app(saver)
    await graph.ainvoke({"messages": [HumanMessage("hi")]}, THREAD)
    async with asyncio.timeout(20):
        async for each in saver.alist(THREAD):
            await saver.aput(each.config, empty_checkpoint(), {"source": "fork"}, {})
    assert len([each async for each in saver.alist(THREAD)]) == 6


async def test_a_thread_is_deleted(saver: DualSqliteSaver) -> None:
    """With its writes."""
    await app(saver).ainvoke({"messages": [HumanMessage("hi")]}, THREAD)
    await saver.adelete_thread("one")
    assert await saver.aget_tuple(THREAD) is None
    assert saver.conn.execute("SELECT count(*) FROM writes").fetchone() == (0,)


async def test_a_locked_database_holds_up_its_own_calls_alone(
    saver: DualSqliteSaver, tmp_path: Path
) -> None:
    """The event loop goes on meanwhile; the write comes when the lock is gone."""
    with closing(sqlite3.connect(tmp_path / "c.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        putting = asyncio.create_task(saver.aput(THREAD, empty_checkpoint(), {"step": 1}, {}))
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert not putting.done()
        other.rollback()
    await putting
    assert await saver.aget_tuple(THREAD) is not None


async def test_what_is_being_written_is_written_before_it_closes(tmp_path: Path) -> None:
    """Also where nobody waits for it any more."""
    path = tmp_path / "c.db"
    async with open_async_checkpointer(f"sqlite:///{path}") as saver:
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            putting = asyncio.create_task(saver.aput(THREAD, empty_checkpoint(), {"step": 1}, {}))
            await asyncio.sleep(0.05)
            putting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await putting
    async with open_async_checkpointer(f"sqlite:///{path}") as saver:
        assert await saver.aget_tuple(THREAD) is not None
