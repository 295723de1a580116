"""Owns the supervisor's state."""

from typing import Any

from langgraph.managed import RemainingSteps
from typing_extensions import TypedDict

from bailiwick.agents.messages import Messages


class SupervisorState(TypedDict):
    """Hold the conversation.

    Attributes:
        messages: The history, which only grows unless a node removes or replaces by id.
    """

    messages: Messages


class StructuredSupervisorState(SupervisorState):
    """Hold the conversation and, at its end, the structured answer.

    Attributes:
        structured_response: The answer in the shape that `response_format` asked for.
    """

    structured_response: Any


class CountedState(SupervisorState):
    """Hold what the nodes of a supervisor see of the conversation.

    Attributes:
        remaining_steps: How many steps the run may still take.
    """

    remaining_steps: RemainingSteps


class CountedStructuredState(StructuredSupervisorState):
    """Hold what the nodes of a supervisor that ends with a structured answer see.

    Attributes:
        remaining_steps: How many steps the run may still take.
    """

    remaining_steps: RemainingSteps
