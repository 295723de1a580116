"""Owns a specialist's state: its messages, and whether results are still to come."""

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.messages import MessageLikeRepresentation as Said
from typing_extensions import ReadOnly, TypedDict

from bailiwick.agents.messages import Messages


class AgentState(TypedDict):
    """Hold what an agent has heard and said.

    Attributes:
        messages: The agent's conversation; under a supervisor, its own part of it alone.
    """

    messages: Messages


class AgentInput(TypedDict):
    """Hold what an agent is to hear, in any form that LangGraph's `add_messages` takes.

    Attributes:
        messages: One message, or a list of several.
    """

    messages: ReadOnly[Sequence[Said] | Said]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTurn:
    """Tell what is open of an agent's last message.

    Attributes:
        origin: The message's id.
        open_calls: Its tool calls that have no answer.
        is_waiting: Whether there are such calls, and answers to others came in: a call that was
            edited, or needs another person, ends a step later than its siblings.
    """

    origin: str = ""
    open_calls: tuple[ToolCall, ...] = ()
    is_waiting: bool = False

    @classmethod
    def of(cls, messages: Sequence[BaseMessage], agent: str) -> "LastTurn":
        """Read it from a conversation; what other agents said in it is not this one's to answer."""
        answers: list[BaseMessage] = []
        for message in reversed(messages):
            if isinstance(message, AIMessage):
                break
            answers.append(message)
        else:
            return cls()
        if message.name != agent:
            return cls()
        # Models give one id to two calls, or none: each call takes one answer.
        answered = [each.tool_call_id for each in answers if isinstance(each, ToolMessage)]
        open_calls: list[ToolCall] = []
        for call in message.tool_calls:
            if (call_id := call["id"] or "") in answered:
                answered.remove(call_id)
            else:
                open_calls.append(call)
        went_on = any(not isinstance(each, ToolMessage) for each in answers)
        return cls(
            origin=message.id or "",
            open_calls=tuple(open_calls),
            is_waiting=bool(open_calls and answers and not went_on),
        )
