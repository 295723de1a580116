"""Owns the tools' way to a model, and the way into a model that is bound."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from langchain_core.language_models import BaseChatModel, LanguageModelLike
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence
from langchain_core.tools import BaseTool

Output = TypeVar("Output")

MODELS_NO_PARALLEL_TOOL_CALLS = frozenset({"o3-mini", "o3", "o4-mini"})
"""Models that refuse the `parallel_tool_calls` setting."""

Model = Runnable[Any, BaseMessage]


def bind_tools(
    model: LanguageModelLike, tools: Sequence[BaseTool], *, parallel_tool_calls: bool | None = None
) -> Model:
    """Return the model with the tools bound, unless it has them bound already.

    What a binding or a sequence puts around the model (keyword arguments, config, formatting) stays
    around it.

    Args:
        model: A chat model, a binding of one, or a sequence that holds one.
        tools: The tools.
        parallel_tool_calls: Whether the model may call several at once; passed on to models that
            have such a setting, if it is given.

    Raises:
        TypeError: If the model takes no tools.
        ValueError: If other tools are bound already.
    """
    if isinstance(model, RunnableSequence):
        at = _model_step(model)
        inner = bind_tools(model.steps[at], tools, parallel_tool_calls=parallel_tool_calls)
        return RunnableSequence(*model.steps[:at], inner, *model.steps[at + 1 :], name=model.name)
    if not isinstance(model, RunnableBinding):
        return _bind(model, tools, parallel_tool_calls=parallel_tool_calls)
    if "tools" in model.kwargs:
        _check_bound(model.kwargs["tools"], tools)
        return cast("Model", model)
    bound = bind_tools(model.bound, tools, parallel_tool_calls=parallel_tool_calls)
    return cast("Model", model.model_copy(update={"bound": bound}))


def chat_model(model: LanguageModelLike) -> BaseChatModel:
    """Return the chat model inside bindings and sequences.

    Raises:
        TypeError: If there is none.
    """
    if isinstance(model, BaseChatModel):
        return model
    if isinstance(model, RunnableBinding):
        return chat_model(model.bound)
    if isinstance(model, RunnableSequence):
        return chat_model(model.steps[_model_step(model)])
    raise TypeError(
        f"Expected `model` to be a chat model, or a binding or sequence of one, not {type(model)}"
    )


def unbound(model: Runnable[Any, Output]) -> tuple[Runnable[Any, Output], dict[str, Any]]:
    """Return the model inside a plain binding, and the arguments that the binding adds.

    A binding merges configs at each call; with nothing to merge that is only time lost.
    """
    if not isinstance(model, RunnableBinding) or model.config or model.config_factories:
        return model, {}
    kind = type(model)
    if kind.invoke is not RunnableBinding.invoke or kind.ainvoke is not RunnableBinding.ainvoke:
        return model, {}
    inner, kwargs = unbound(model.bound)
    return inner, {**kwargs, **model.kwargs}


def _model_step(sequence: RunnableSequence[Any, Any]) -> int:
    for at, step in enumerate(sequence.steps):
        if isinstance(step, (BaseChatModel, RunnableBinding)):
            return at
    raise TypeError("Expected `model` to hold a chat model, but no step of the sequence is one")


def supports_parallel_setting(model: object) -> bool:
    """Tell whether the model can be told not to call several tools at once."""
    if not isinstance(model, BaseChatModel):
        return False
    if getattr(model, "model_name", None) in MODELS_NO_PARALLEL_TOOL_CALLS:
        return False
    return "parallel_tool_calls" in inspect.signature(model.bind_tools).parameters


def _bind(
    model: LanguageModelLike, tools: Sequence[BaseTool], *, parallel_tool_calls: bool | None
) -> Model:
    if not hasattr(model, "bind_tools"):
        raise TypeError(
            f"the model is a {type(model).__name__}, which takes no tools: give the chat model "
            "itself, made with max_retries where it is to try again"
        )
    setting: dict[str, Any] = {"parallel_tool_calls": parallel_tool_calls}
    is_set = parallel_tool_calls is not None and supports_parallel_setting(model)
    return cast("BaseChatModel", model).bind_tools(tools, **setting if is_set else {})


def _check_bound(bound: Sequence[Any], tools: Sequence[BaseTool]) -> None:
    if len(bound) != len(tools):
        raise ValueError(
            "The number of tools bound to the model and given to its agent must match: "
            f"{len(bound)} are bound, {len(tools)} are given (a supervisor's hand-off tools count)"
        )
    if missing := sorted({tool.name for tool in tools} - set(_bound_names(bound))):
        raise ValueError(f"Missing tools {missing} in the model's bound tools: bind these too")


def _bound_names(bound: Iterable[Any]) -> Iterable[str]:
    for tool in bound:
        if isinstance(tool, BaseTool):
            yield tool.name
        elif tool.get("type") == "function":
            yield tool["function"]["name"]
        elif tool.get("name"):
            yield tool["name"]
