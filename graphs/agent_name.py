"""Owns the inline form of an agent's name: tags in the content, for models that ignore names."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast, get_args

from langchain_core.language_models import LanguageModelLike
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    MessageLikeRepresentation,
    convert_to_messages,
)
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableLambda, RunnableSequence

NAME_PATTERN = re.compile(r"<name>(.*?)</name>", re.DOTALL)
CONTENT_PATTERN = re.compile(r"<content>(.*?)</content>", re.DOTALL)

AgentNameMode = Literal["inline"]
"""How a model is told who wrote a message; `inline` writes the name into the content."""

Content = str | list[str | dict[str, Any]]


def add_inline_agent_name(message: BaseMessage) -> BaseMessage:
    """Write an AI message's name into its content, as `<name>..</name><content>..</content>`.

    Other messages, and AI messages without a name, are returned as they are. Of content blocks,
    the first text block is tagged and stands first; the others follow in their order.
    """
    if not isinstance(message, AIMessage) or not message.name:
        return message
    text, others = _split(message.content)
    tagged = f"<name>{message.name}</name><content>{text}</content>"
    return message.model_copy(update={"content": _joined(tagged, others)})


def remove_inline_agent_name(message: BaseMessage) -> BaseMessage:
    """Take the tags that `add_inline_agent_name` writes out of an AI message's content.

    A model that imitates the tagged history tags its own answer; this reads it. Messages without
    both tags are returned as they are.
    """
    if not isinstance(message, AIMessage) or not message.content:
        return message
    text, others = _split(message.content)
    found = CONTENT_PATTERN.search(text)
    if found is None or NAME_PATTERN.search(text) is None:
        return message
    return message.model_copy(update={"content": _joined(found.group(1), others)})


def with_agent_name(model: LanguageModelLike, agent_name_mode: AgentNameMode) -> LanguageModelLike:
    """Return the model with names written into what it reads and taken out of what it writes.

    Args:
        model: The model to wrap. Agents must set `name` on their AI messages for this to help;
            LangGraph's prebuilt agents do.
        agent_name_mode: `inline` is the only mode.

    Raises:
        ValueError: If the mode is unknown.
    """
    add, remove = name_forms(agent_name_mode)

    def named(given: Sequence[MessageLikeRepresentation] | PromptValue) -> list[BaseMessage]:
        return [add(message) for message in convert_to_messages(given)]

    def unnamed(message: BaseMessage) -> BaseMessage:
        return remove(message)

    # The sequence reads a prompt and writes a message, but its steps do not say so.
    return cast("LanguageModelLike", RunnableSequence(RunnableLambda(named), model, unnamed))


MessageForm = Callable[[BaseMessage], BaseMessage]


def name_forms(mode: AgentNameMode) -> tuple[MessageForm, MessageForm]:
    """Return the functions that write names into a message and take them out again.

    Raises:
        ValueError: If the mode is unknown.
    """
    if mode not in get_args(AgentNameMode):
        raise ValueError(
            f"Invalid agent name mode: {mode}. Needs to be one of: {get_args(AgentNameMode)}"
        )
    return add_inline_agent_name, remove_inline_agent_name


def _split(content: Content) -> tuple[str, list[dict[str, Any]] | None]:
    """Return the text that carries a name, and the other blocks (`None` for plain text)."""
    if isinstance(content, str):
        return content, None
    blocks = [b if isinstance(b, dict) else {"type": "text", "text": b} for b in content]
    tagged = next((block for block in blocks if block.get("type") == "text"), None)
    if tagged is None:
        return "", blocks
    return str(tagged.get("text", "")), [block for block in blocks if block is not tagged]


def _joined(text: str, others: list[dict[str, Any]] | None) -> str | list[dict[str, Any]]:
    if others is None:
        return text
    return [{"type": "text", "text": text}, *others] if text else others
