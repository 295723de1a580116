"""Owns what stands in somebody's graph: the graphs, tool nodes and tools that its nodes run."""

from collections.abc import Callable, Iterable, Iterator
from inspect import getclosurevars
from types import FunctionType, MethodType
from typing import Any

from langchain_core.runnables import (
    Runnable,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.utils import get_function_nonlocals
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode
from langgraph.pregel import Pregel

from bailiwick.agents.node import Node
from bailiwick.agents.ungoverned import UngovernedTools
from bailiwick.graphs.supervision.own_tools import OwnTools


def contents_of(graph: Pregel[Any, Any, Any, Any]) -> Iterator[object]:
    """Yield a graph and all that its nodes run, however deep, whatever is wrapped around it.

    In a function that is a node, what its closure holds and its source names is found, as LangGraph
    finds subgraphs, and nothing that it looks up otherwise.
    """
    seen: set[int] = set()
    todo: list[object] = [graph]
    while todo:
        part = todo.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            todo += _within(part)


def _within(part: object) -> Iterable[object]:  # noqa: PLR0911 - one for each kind
    match part:
        case Pregel():
            return [node.bound for node in part.nodes.values()]
        case OwnTools() | UngovernedTools():
            return [part.tool_node]
        case Node():
            return part.subgraphs
        case ToolNode():
            return part.tools_by_name.values()
        case RunnableBindingBase():
            return [part.bound]
        case RunnableWithFallbacks():
            return part.runnables
        case RunnableParallel():
            return part.steps__.values()
        case RunnableSequence():
            return part.steps
        case Runnable() if not isinstance(part, BaseTool):
            return [*getattr(part, "steps", ()), *_named(part)]
        case _:
            return ()


def _named(part: Runnable[Any, Any]) -> Iterator[object]:
    """Yield what the functions of a node name: runnables, and those whose methods they name."""
    for name in ("func", "afunc"):
        function = getattr(part, name, None)
        if callable(function):
            for value in (function, *_closure(function), *get_function_nonlocals(function)):
                owner = getattr(value, "__self__", value)
                if isinstance(owner, Runnable):
                    yield owner


def _closure(function: Callable[..., object]) -> Iterable[object]:
    # Also of a lambda, whose source cannot always be read alone.
    if isinstance(function, FunctionType | MethodType):
        return getclosurevars(function).nonlocals.values()
    return ()
