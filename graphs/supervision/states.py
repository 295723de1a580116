"""Owns a graph's state as a value: a dictionary, a pydantic model or a dataclass."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from dataclasses import fields as declared
from inspect import isclass
from typing import Any, cast

from langchain_core.messages import BaseMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from pydantic import BaseModel

State = Any
"""A graph's state: a dictionary, a pydantic model or a dataclass."""

_READ = "__pregel_read"
"""LangGraph's own key of a config: what a task reads its graph's state with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateForm:
    """Say how a graph's state looks to its nodes.

    Attributes:
        schema: The state's class.
        keys: What a node is given of it.
        managed: The keys that LangGraph fills, and nobody can write.
    """

    schema: type[Any]
    keys: Sequence[str]
    managed: Collection[str]

    @classmethod
    def of(cls, graph: StateGraph[Any, Any, Any, Any]) -> "StateForm":
        """Read it from a graph."""
        schema = graph.state_schema
        return cls(schema=schema, keys=list(graph.schemas[schema]), managed=graph.managed)

    def read(self, config: RunnableConfig) -> State:
        """Return the state as a node is given it, in a task that was sent something else."""
        values = config.get("configurable", {})[_READ](self.keys)
        is_typed = isclass(self.schema) and (
            issubclass(self.schema, BaseModel) or is_dataclass(self.schema)
        )
        return self.schema(**values) if is_typed else values


def fields(state: Any) -> dict[str, Any]:  # noqa: ANN401 - a graph's state, or what was sent in its place
    """Return the state's values by key; none where it is no state."""
    if isinstance(state, dict):
        return cast("dict[str, Any]", state)
    if isinstance(state, BaseModel):
        return {name: getattr(state, name) for name in type(state).model_fields}
    if is_dataclass(state):
        return {each.name: getattr(state, each.name) for each in declared(state)}
    return {}


def value_of(state: State, key: str) -> Any:  # noqa: ANN401 - whatever it holds
    """Return what a state holds under a key, if anything."""
    return state.get(key) if isinstance(state, dict) else getattr(state, key, None)


def with_messages(state: State, messages: Sequence[BaseMessage]) -> State:
    """Return the state with other messages, as the type that it is."""
    return with_values(state, {"messages": messages})


def with_values(state: State, values: Mapping[str, Any]) -> State:
    """Return the state with other values, as the type that it is."""
    if isinstance(state, dict):
        return {**state, **values}
    if isinstance(state, BaseModel):
        return state.model_copy(update=values)
    return replace(state, **values)


def call_in(state: State, call: ToolCall) -> dict[str, Any]:
    """Return one call as a tool node takes it, with the state that injected arguments see."""
    return {"__type": "tool_call_with_context", "tool_call": call, "state": state}
