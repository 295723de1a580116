"""In threads, an agent's steps are saved each before the next begins, and nobody else's."""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Durability
from tests.graphs.fakes import ask, scripted

from bailiwick.agents import create_specialist
from bailiwick.graphs import create_supervisor

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
LATE = 0.1
"""Seconds in which an agent takes many steps."""


class LateSaver(InMemorySaver):
    """Save everything late."""

    def put(self, *given: Any, **named: Any) -> RunnableConfig:  # noqa: ANN401 - as LangGraph's
        """Save a checkpoint."""
        time.sleep(LATE)
        return super().put(*given, **named)

    @property
    def steps(self) -> list[int]:
        """The steps that the agent's checkpoints are of, as far as they are saved."""
        found = [
            each
            for each in self.list(THREAD)
            if each.config.get("configurable", {})["checkpoint_ns"]
        ]
        return sorted(each.metadata.get("step", -2) for each in found)


def clerk_app(work: Callable[[], object], saver: InMemorySaver | None) -> Any:  # noqa: ANN401 - a compiled graph
    """Return a supervisor with a clerk, whose tool does some work."""

    @tool
    def count() -> str:
        """Count."""
        return str(work())

    clerk = create_specialist("clerk", model=scripted(ask("count"), "done"), tools=[count])
    graph = create_supervisor([clerk], model=scripted(ask("transfer_to_clerk"), "x"))
    return graph.compile(checkpointer=saver)


@pytest.mark.parametrize(
    ("chosen", "saved"), [(None, [-1, 0]), ("sync", [-1, 0]), ("async", [-1]), ("exit", [])]
)
def test_a_tool_begins_when_its_agent_is_saved(chosen: Durability, saved: list[int]) -> None:
    """Unless the caller has chosen otherwise: with `async` the first is under way by then."""
    saver, seen = LateSaver(), list[list[int]]()

    def look() -> None:
        seen.append(saver.steps)

    clerk_app(look, saver).invoke({"messages": [HumanMessage("x")]}, THREAD, durability=chosen)

    assert len(seen) == 1
    assert set(seen[0]) <= set(saved)
    assert chosen == "async" or seen == [saved]


def test_graphs_that_a_tool_runs_are_not_waited_for() -> None:
    """They need not have checkpoints, and keep what the caller has chosen."""
    chosen: list[object] = []

    def note(state: MessagesState) -> dict[str, Any]:  # noqa: ARG001 - a node takes the state
        chosen.append(get_config().get("configurable", {}).get("__pregel_durability"))
        return {"messages": [AIMessage("three")]}

    inner = StateGraph(MessagesState).add_node("note", note).add_edge(START, "note")
    for checkpointer in (None, False):
        compiled: Any = inner.compile(checkpointer=checkpointer)
        app = clerk_app(partial(compiled.invoke, {"messages": []}), InMemorySaver())
        messages = app.invoke({"messages": [HumanMessage("x")]}, THREAD)["messages"]
        assert messages[-1].content == "x"
    assert chosen == [None, None]

    compiled = inner.compile()
    app = clerk_app(partial(compiled.invoke, {"messages": []}), InMemorySaver())
    app.invoke({"messages": [HumanMessage("x")]}, THREAD, durability="sync")
    assert chosen[2:] == ["sync"]


def test_nothing_is_waited_for_where_nothing_is_saved() -> None:
    """And LangGraph does not warn of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        messages = clerk_app(int, None).invoke({"messages": [HumanMessage("x")]})["messages"]
    assert messages[-1].content == "x"
