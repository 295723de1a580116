"""Owns a specialist's state: its messages, and whether results are still to come."""

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from typing_extensions import TypedDict

from bailiwick.agents.messages import Messages


class AgentState(TypedDict):
    """Hold what an agent has heard and said.

    Attributes:
        messages: The agent's conversation; under a supervisor, its own part of it alone.
    """

    messages: Messages


def is_waiting(messages: Sequence[BaseMessage]) -> bool:
    """Tell whether the model's last turn has results and lacks others.

    A call that was approved later than its siblings ran ends a step later: the model is not called
    before every call of its turn has an answer.
    """
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            answered.add(message.tool_call_id)
        elif isinstance(message, AIMessage):
            open_calls = [call for call in message.tool_calls if call["id"] not in answered]
            return bool(answered and open_calls)
        else:
            return False
    return False
