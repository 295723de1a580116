"""Owns when an agent's steps are saved: in threads, each before the next begins."""

from typing import Any

from langchain_core.runnables import RunnableConfig

from bailiwick.tools.saved import DURABILITY, SAVER

_IS_OURS = "__bailiwick_durability"


def saved_step_by_step(config: RunnableConfig) -> RunnableConfig:
    """Return the config with which an agent waits for each of its checkpoints.

    LangGraph saves behind the run, in threads that it starts for each run of an agent and that take
    turns with the agent itself: to wait takes less time than that.

    Args:
        config: The config of the node that runs the agent. What the caller has chosen stays, and
            without a checkpointer there is nothing to wait for.
    """
    configurable = config.get("configurable", {})
    if not configurable.get(SAVER) or DURABILITY in configurable:
        return config
    return {**config, "configurable": {**configurable, DURABILITY: "sync", _IS_OURS: True}}


def as_chosen(config: RunnableConfig) -> RunnableConfig:
    """Take back, in a node's own config, what `saved_step_by_step` has added for the agent's steps.

    Graphs that a tool runs would read it, and LangGraph fails where one of them has no checkpoints.
    """
    configurable: dict[str, Any] = config.get("configurable", {})
    if configurable.pop(_IS_OURS, False):
        del configurable[DURABILITY]
    return config
