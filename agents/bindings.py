"""Owns the way into a bound model: what is called, and with which arguments."""

from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableBinding

Output = TypeVar("Output")


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
