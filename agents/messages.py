"""Owns the message channel: a history of which only what is new is stored."""

from collections.abc import Container, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    ToolMessage,
    convert_to_messages,
    message_chunk_to_message,
)
from langgraph.channels import BinaryOperatorAggregate, DeltaChannel
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages

LEAST_SPACING = 100
"""Updates of a short history between two full copies of it."""

SHARE = 10
"""A long history is copied when it has grown by this part, a tenth: were the spacing always the
same, the copies of a thread would take space by the square of its length."""


def merge_messages(state: Sequence[BaseMessage], writes: Sequence[Any]) -> list[BaseMessage]:
    """Fold writes into a history: append, replace by id, remove.

    A `RemoveMessage` removes what has its id, or everything before it if the id is
    `REMOVE_ALL_MESSAGES`; one that removes nothing is ignored, because a write that fails would
    fail again each time the thread is loaded. A tool message that answers an earlier call is placed
    after that call, before what others wrote in the meantime: model providers demand it.

    The fold is one message at a time, so it makes no difference in how many batches the writes
    come, which is what `DeltaChannel` demands.

    Args:
        state: The history so far; it is not changed.
        writes: Message-likes or lists of them, oldest first.
    """
    new = [message for write in writes for message in _messages(write)]
    history = list(state)
    if _may_append(history, new):
        for message in new:
            _append(history, message)
        return history
    for is_removal, messages in groupby(new, key=_is_removal):
        (_remove if is_removal else _merge)(history, messages)
    return history


def sign(said: AIMessage, name: str) -> None:
    """Give a model's message its agent's name, and an id of its own to it and to each call.

    Models give one id to two calls, or none: what is decided on one must not pass for the other's.
    """
    said.name, said.id = name, said.id or str(uuid4())
    taken: set[str] = set()
    for call in said.tool_calls:
        if not (call_id := call["id"]) or call_id in taken:
            call["id"] = call_id = str(uuid4())
        taken.add(call_id)


class MessageChannel(DeltaChannel[list[AnyMessage]]):
    """Store what is new in a history, and a full copy now and then.

    The copies are spaced by the history's length, so that a thread takes space in proportion to it.

    To LangGraph it is the same as a channel with `add_messages`, because it takes and gives the
    same: a node whose state is LangGraph's `MessagesState` fits into a graph that has this channel.
    """

    def __eq__(self, other: object) -> bool:
        if isinstance(other, BinaryOperatorAggregate):
            return other.operator is add_messages
        return super().__eq__(other)

    def update(self, values: Sequence[Any]) -> bool:
        """Fold a step's writes into the history; one that writes nothing leaves it as it is."""
        if all(value == [] for value in values):
            return False
        is_changed = super().update(values)
        self.snapshot_frequency = max(LEAST_SPACING, len(self.get()) // SHARE)
        return is_changed

    __hash__ = None  # type: ignore[assignment]  # as in the base class, which is compared, too


Messages = Annotated[
    list[AnyMessage], MessageChannel(merge_messages, snapshot_frequency=LEAST_SPACING)
]


_id_of = attrgetter("id")


def _may_append(history: list[BaseMessage], new: list[BaseMessage]) -> bool:
    """Tell whether every new message has an id of its own, and none removes anything."""
    ids = {message.id for message in new}
    if len(ids) < len(new) or not all(ids) or any(map(_is_removal, new)):
        return False
    return ids.isdisjoint(map(_id_of, history))


def _is_removal(message: BaseMessage) -> bool:
    return message.type == "remove"


def _messages(write: Any) -> Iterable[BaseMessage]:  # noqa: ANN401 - a message in any form, or a list of them
    for given in write if isinstance(write, list) and not _is_pair(write) else [write]:
        if isinstance(given, BaseMessage):
            yield message_chunk_to_message(given)
        else:
            yield convert_to_messages([given])[0]


def _is_pair(write: list[Any]) -> bool:
    """Tell a role with its text, which checkpoints give back as a list, from two messages."""
    return [type(each) for each in write] == [str, str] and write[0] in _ROLES


_ROLES = frozenset({"human", "user", "ai", "assistant", "system", "developer"})


def _remove(history: list[BaseMessage], removals: Iterable[BaseMessage]) -> None:
    ids = {message.id for message in removals}
    if REMOVE_ALL_MESSAGES in ids:
        history.clear()
    else:
        history[:] = [message for message in history if message.id not in ids]


def _merge(history: list[BaseMessage], messages: Iterable[BaseMessage]) -> None:
    places = _places(history)
    for message in messages:
        new = message if message.id else _named(message, places, len(history))
        at = places.get(new.id)
        if at is not None:
            history[at] = new
            continue
        at = _append(history, new)
        if at == len(history) - 1:
            places[new.id] = at
        else:
            places = _places(history)


def _places(history: list[BaseMessage]) -> dict[str | None, int]:
    return {message.id: at for at, message in enumerate(history)}


def _named(message: BaseMessage, taken: Container[str | None], place: int) -> BaseMessage:
    """Return the message with an id made from place and content: each replay gives the same one.

    LangGraph gives ids to the messages it knows as such before it stores them; what is left are
    plain strings and tuples in a graph's input.
    """
    key = f"{place}/{message.type}/{message.content}"
    while (found := str(uuid5(NAMESPACE_OID, key))) in taken:
        key += "/"
    return message.model_copy(update={"id": found})


def _append(history: list[BaseMessage], message: BaseMessage) -> int:
    """Put the message at the end, or after the call that it answers, and return its place."""
    at = len(history)
    if isinstance(message, ToolMessage):
        at = _after_call(history, message.tool_call_id)
    history.insert(at, message)
    return at


def _after_call(history: list[BaseMessage], call_id: str) -> int:
    for at in range(len(history) - 1, -1, -1):
        message = history[at]
        if isinstance(message, AIMessage) and any(c["id"] == call_id for c in message.tool_calls):
            return _end_of_answers(history, at + 1)
    return len(history)


def _end_of_answers(history: list[BaseMessage], at: int) -> int:
    while at < len(history) and isinstance(history[at], ToolMessage):
        at += 1
    return at
