"""What is found in somebody's graph, whatever is wrapped around it."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableParallel
from langchain_core.tools import BaseTool, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from bailiwick.graphs.supervision.contents import contents_of


@tool
def loose() -> str:
    """Do as it likes."""
    return "done"


def unread(node: ToolNode) -> Callable[[MessagesState], object]:
    """Return a function whose source, a part of another line, cannot be read alone."""
    nodes: dict[str, Callable[[MessagesState], object]] = {"a": lambda state: (node.invoke(state),)}
    return nodes["a"]


def named(node: ToolNode) -> Callable[[MessagesState], object]:
    """Return a function that names the tool, and not the node."""

    def run(_: MessagesState) -> object:
        return loose.invoke({}), node.name

    return run


def as_a_fallback(node: ToolNode) -> Any:  # noqa: ANN401 - of a type that is known in part
    """Return another tool node, which has this one to fall back on."""
    return ToolNode([]).with_fallbacks([node])


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda node: node,
    "with a config": lambda node: node.with_config(tags=["a"]),
    "tried again": lambda node: node.with_retry(),
    "as a fallback": as_a_fallback,
    "in a sequence": lambda node: node | dict,
    "in parallel": lambda node: RunnableParallel(answers=node),
    "as a method": lambda node: node.invoke,
    "in a lambda": unread,
    "named": named,
}


# LangGraph's own opinion of how its tool node's method is typed.
@pytest.mark.filterwarnings("ignore:The 'config' parameter should be typed")
@pytest.mark.parametrize("way", WRAPPED)
def test_a_tool_is_found(way: str) -> None:
    """Also in a graph within a graph, and where that one keeps no checkpoints."""
    node = WRAPPED[way](ToolNode([loose]))
    graph = StateGraph(MessagesState).add_node("tools", node).add_edge(START, "tools")
    around = StateGraph(MessagesState).add_node("inner", graph.compile(checkpointer=False))

    found = contents_of(around.add_edge(START, "inner").compile())

    assert [each.name for each in found if isinstance(each, BaseTool)] == ["loose"]
