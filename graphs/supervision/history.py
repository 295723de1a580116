"""Owns what a message history says: open calls, views for agents, and what an agent added."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolCall,
    ToolMessage,
    convert_to_messages,
)

from bailiwick.tools.people.requests import TASK

IS_HANDOFF_BACK = "__is_handoff_back"
"""Key in `response_metadata` of the messages that say an agent is done."""

SHOWN_CALLS = 3


def check_answered(messages: Iterable[BaseMessage]) -> None:
    """Refuse a history in which a tool call has no answer; model providers refuse it too.

    Raises:
        ValueError: If a call is open, naming the first few.
    """
    calls: list[ToolCall] = []
    answered: set[str] = set()
    # The type's name is read instead of asking isinstance: this runs over the whole history each
    # time the model is called.
    for message in messages:
        kind = message.type
        if kind == "tool":
            answered.add(message.tool_call_id)  # type: ignore[attr-defined]  # a tool message has it
        elif kind in AI_TYPES:
            calls += message.tool_calls  # type: ignore[attr-defined]  # an AI message has it
    if all(call["id"] in answered for call in calls):
        return
    open_calls = [call for call in calls if call["id"] not in answered]
    raise ValueError(
        "Found AIMessages with tool_calls that do not have a corresponding ToolMessage. "
        f"The first of those tool calls: {open_calls[:SHOWN_CALLS]}. Answer each with a ToolMessage"
        " of its id, or remove the message that made it."
    )


AI_TYPES = frozenset({"ai", "AIMessageChunk"})


def narrow(message: AIMessage, call_ids: Collection[str | None]) -> AIMessage:
    """Return the message with only the tool calls of these ids, in its content blocks too."""
    if len(call_ids) == len(message.tool_calls):
        return message
    content = message.content
    if isinstance(content, list):
        content = [block for block in content if _is_kept(block, call_ids)]
    calls = [call for call in message.tool_calls if call["id"] in call_ids]
    extra = {k: v for k, v in message.additional_kwargs.items() if k != "tool_calls"}
    return message.model_copy(
        update={"content": content, "tool_calls": calls, "additional_kwargs": extra}
    )


CALL_BLOCKS = frozenset({"tool_use", "tool_call", "function_call"})


def _is_kept(block: str | dict[str, Any], call_ids: Collection[str | None]) -> bool:
    if isinstance(block, str) or block.get("type") not in CALL_BLOCKS:
        return True
    return block.get("call_id", block.get("id")) in call_ids


def with_task(
    messages: Sequence[BaseMessage], task: str, *, name: str | None, key: str
) -> list[BaseMessage]:
    """Return the messages with the task as the last one, if there is a task.

    Args:
        messages: What the agent sees of the conversation.
        task: What it is asked to do.
        name: Who asks.
        key: What the task belongs to. The message's id is made from it, so that a node that runs
            again knows the message as its own.
    """
    if not task:
        return list(messages)
    asked = derived_id(key, "task")
    if messages and messages[-1].id == asked:
        return list(messages)
    told = HumanMessage(content=task, name=name, id=asked, response_metadata={TASK: True})
    return [*messages, told]


def derived_id(key: str, purpose: str) -> str:
    """Return a message id that is the same each time a node runs on the same state."""
    return str(uuid5(NAMESPACE_OID, f"{key}/{purpose}"))


def task_of(call: ToolCall) -> str:
    """Return the task that a hand-off call carries; empty if it carries none."""
    task = call["args"].get("task")
    return task.strip() if isinstance(task, str) else ""


def handoff_view(
    messages: Sequence[BaseMessage],
    *,
    supervisor: str,
    agent: str,
    agents: Mapping[str, str],
    tasking: Collection[str],
) -> list[BaseMessage]:
    """Return the history as the agent that was handed over to is to see it.

    Of the supervisor's last message only the call of this agent remains, with its answer: the
    others' calls may still be open. A task in the call comes last. A history that does not end in a
    hand-off to this agent is returned whole, without calls that are still open.

    Args:
        messages: The history.
        supervisor: The supervisor's name.
        agent: The agent's name.
        agents: Agent names by the names of the hand-off tools.
        tasking: The names of those whose calls carry a task; with others an argument of that name
            may be anything.
    """
    at = _last_said(messages)
    said = messages[at] if at >= 0 else None
    if not isinstance(said, AIMessage) or said.name != supervisor or not said.tool_calls:
        return list(messages)
    after = messages[at + 1 :]
    answers = {m.tool_call_id: m for m in after if isinstance(m, ToolMessage)}
    call = next((c for c in said.tool_calls if _hands_over(c, agent, agents, answers)), None)
    if call is not None:
        others = [message for message in after if not isinstance(message, ToolMessage)]
        task = task_of(call) if call["name"] in tasking else ""
        return call_view(messages[:at], said, call, answers[str(call["id"])], others, task=task)
    is_open = any(c["id"] not in answers for c in said.tool_calls)
    return list(messages[:at] if is_open else messages)


def call_view(  # noqa: PLR0913 - what a view is put together of
    history: Sequence[BaseMessage],
    said: AIMessage,
    call: ToolCall,
    answer: ToolMessage | None,
    after: Sequence[BaseMessage] = (),
    *,
    task: str,
) -> list[BaseMessage]:
    """Return the history as one hand-off call's agent is to see it.

    Args:
        history: What came before the supervisor's message.
        said: The supervisor's message.
        call: The hand-off call.
        answer: Its answer; `None` if neither call nor answer is to be seen.
        after: What came after, without answers.
        task: What the call asks for, if it does.
    """
    key = str(call["id"])
    shown = [] if answer is None else [_only(said, key), answer]
    view = [*history, *shown, *after]
    return with_task(view, task, name=said.name, key=key)


def _only(said: AIMessage, call_id: str) -> AIMessage:
    if len(said.tool_calls) == 1:
        return said
    # Its own id: an agent may hand its messages to the graph around, where the same id would
    # replace the whole message by this part of it.
    alone = {"id": derived_id(call_id, "call")}
    return narrow(said, {call_id}).model_copy(update=alone)


def _last_said(messages: Sequence[BaseMessage]) -> int:
    """Return the position of the last AI message, or -1."""
    at = len(messages) - 1
    while at >= 0 and messages[at].type not in AI_TYPES:
        at -= 1
    return at


def _hands_over(
    call: ToolCall, agent: str, agents: Mapping[str, str], answers: Mapping[str, ToolMessage]
) -> bool:
    answer = answers.get(str(call["id"]))
    return answer is not None and answer.status != "error" and agents.get(call["name"]) == agent


def added(output: Any, view: Sequence[BaseMessage]) -> list[BaseMessage]:  # noqa: ANN401 - see below
    """Return the messages of an agent's output that were not in its view, or that it changed.

    Args:
        output: Messages, or one, in any form that LangGraph takes.
        view: What the agent was given to read.
    """
    seen = {message.id: message for message in view}
    return [m for m in as_messages(output) if m.id is None or not _is_same(seen.get(m.id), m)]


def _is_same(before: BaseMessage | None, after: BaseMessage) -> bool:
    return before is not None and (before is after or before == after)


def as_messages(given: Any) -> list[BaseMessage]:  # noqa: ANN401 - messages, or one, in any form
    """Return messages, converting those that came over a wire as dictionaries."""
    messages = given if isinstance(given, list) else [given]
    if all(isinstance(message, BaseMessage) for message in messages):
        return list(messages)
    return convert_to_messages(messages)


def find_message_from(messages: Sequence[BaseMessage], name: str) -> AIMessage | None:
    """Return the latest AI message of an agent, whatever the case of its name."""
    for message in reversed(messages):
        if (
            isinstance(message, AIMessage)
            and (message.name or "").lower() == name.lower()
            and not message.response_metadata.get(IS_HANDOFF_BACK)
        ):
            return message
    return None


def message_names(messages: Iterable[BaseMessage]) -> list[str]:
    """Return who wrote AI messages, sorted."""
    return sorted({m.name for m in messages if isinstance(m, AIMessage) and m.name})
