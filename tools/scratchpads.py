"""Owns LangGraph's scratchpad of a task: its interrupts, and the answers to them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

_SCRATCHPAD = "__pregel_scratchpad"
"""Where LangGraph keeps it in the task's config."""


def has_bare_answer() -> bool:
    """Tell whether an answer is at hand that names no interrupt, from this run or an earlier one.

    LangGraph stores such an answer before anybody looks at it, and keeps it for whatever asks next.
    """
    _, scratchpad = _current()
    return scratchpad is not None and scratchpad.get_null_resume(False) is not None


@contextmanager
def without_bare_answers(**changes: Any) -> Generator[None]:  # noqa: ANN401 - fields of LangGraph's own
    """Have `interrupt` take the answers alone that name it.

    Args:
        changes: What else stands in the scratchpad meanwhile.
    """
    config, scratchpad = _current()
    if scratchpad is None:
        yield
        return
    shut = replace(scratchpad, get_null_resume=_no_answer, **changes)
    inner: RunnableConfig = {
        **config,
        "configurable": {**config.get("configurable", {}), _SCRATCHPAD: shut},
    }
    token = var_child_runnable_config.set(inner)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _current() -> tuple[RunnableConfig, Any]:
    config: RunnableConfig = var_child_runnable_config.get() or {}
    return config, config.get("configurable", {}).get(_SCRATCHPAD)


def _no_answer(_consume: bool = False) -> None:  # noqa: FBT001, FBT002 - LangGraph's signature
    return None
