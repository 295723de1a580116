"""Owns what a bound tool is told of the conversation: the state that a tool node injects."""

from collections.abc import Mapping
from typing import Annotated, Any

from langchain_core.messages import BaseMessage
from langchain_core.messages import ToolCall as RequestedCall
from langgraph.prebuilt import InjectedState
from pydantic import BaseModel, create_model

STATE = "bailiwick_state"
"""The argument in which a tool node puts the graph's state. No model ever sees it."""


def hearing(schema: object) -> type[BaseModel]:
    """Return a tool's input schema with room for the graph's state.

    Tool nodes look there for what to inject, and drop what a model sends in its place.

    Args:
        schema: The schema of the tool's own arguments; one that is no model is left out.
    """
    base = BaseModel
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        base = schema
    field: Any = (Annotated[Any, InjectedState], None)
    return create_model(base.__name__, __base__=base, **{STATE: field})


def heard(requested: RequestedCall) -> tuple[RequestedCall, list[BaseMessage]]:
    """Take the graph's state out of a call; return the call and the conversation so far.

    Only a tool node can put messages there: what a model writes is JSON, and never a message.
    """
    args = dict(requested["args"])
    state = args.pop(STATE, None)
    if isinstance(state, Mapping):
        messages = state.get("messages")
    else:
        messages = getattr(state, "messages", None)
    said = messages if isinstance(messages, list) else []
    return {**requested, "args": args}, [each for each in said if isinstance(each, BaseMessage)]
