"""What the message channel does with writes, in however many batches they come."""

import operator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableConfig
from langgraph.channels import BinaryOperatorAggregate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages
from typing_extensions import TypedDict

from bailiwick.agents import create_specialist
from bailiwick.agents.messages import MessageChannel, Messages, merge_messages

IDS = st.sampled_from(["1", "2", "3", "4", "5"])
TEXTS = st.sampled_from(["x", "y", "z"])


def human(id_: str, text: str) -> HumanMessage:
    """Return a message of a person."""
    return HumanMessage(text, id=id_)


def result(id_: str, text: str, call: str) -> ToolMessage:
    """Return the answer to the call of this name."""
    return ToolMessage(text, id=id_, tool_call_id=call)


def removal(id_: str) -> RemoveMessage:
    """Return what removes a message."""
    return RemoveMessage(id_)


def called(id_: str, text: str) -> AIMessage:
    """Return a message that makes the call of this name."""
    return AIMessage(text, id=id_, tool_calls=[{"name": "look", "args": {}, "id": text}])


MESSAGES: st.SearchStrategy[BaseMessage | tuple[str, str]] = st.one_of(
    st.builds(human, IDS, TEXTS),
    st.builds(called, IDS, TEXTS),
    st.builds(result, IDS, TEXTS, TEXTS),
    st.builds(removal, IDS | st.just(REMOVE_ALL_MESSAGES)),
    st.tuples(st.just("user"), TEXTS),
)
WRITES = st.lists(MESSAGES | st.lists(MESSAGES, max_size=4), max_size=8)


def test_a_role_and_its_text_are_one_message() -> None:
    """LangGraph's tutorials give them as a tuple, which a checkpoint gives back as a list."""
    app: Any = create_specialist("clerk", model=FakeListChatModel(responses=["yes?"]))
    app.checkpointer = InMemorySaver()
    config: RunnableConfig = {"configurable": {"thread_id": "t"}}

    app.invoke({"messages": ("user", "hi")}, config)
    app.update_state(config, {"messages": ("ai", "ho")})

    found = app.get_state(config).values["messages"]
    told = [(each.type, each.content) for each in found]
    assert told == [("human", "hi"), ("ai", "yes?"), ("ai", "ho")]


def test_nothing_is_nothing() -> None:
    """No write, no message."""
    assert merge_messages([], []) == []
    assert merge_messages([], [[]]) == []


@settings(deadline=None)
@given(first=WRITES, second=WRITES)
def test_batches_make_no_difference(first: list[Any], second: list[Any]) -> None:
    """LangGraph replays the writes of many steps at once, and the history is the same."""
    apart = merge_messages(merge_messages([], first), second)

    assert merge_messages([], first + second) == apart


@settings(deadline=None)
@given(writes=WRITES)
def test_ids_are_one_of_a_kind(writes: list[Any]) -> None:
    """Every message has an id, and no two have the same."""
    ids = [message.id for message in merge_messages([], writes)]

    assert all(ids)
    assert len(set(ids)) == len(ids)


@settings(deadline=None)
@given(
    old=st.lists(st.builds(human, IDS, TEXTS), unique_by=lambda message: message.id),
    new=st.lists(st.builds(human, IDS, TEXTS), max_size=5),
)
def test_appending_and_replacing_is_as_langgraphs_own(
    old: list[BaseMessage], new: list[BaseMessage]
) -> None:
    """A message with a known id takes the other's place, any other comes last."""
    assert merge_messages(old, [new]) == add_messages(list(old), list(new))  # type: ignore[arg-type]  # a list of one kind


def test_the_given_history_is_not_changed() -> None:
    """Others may still hold it: a stream's reader, a finished node."""
    history: list[BaseMessage] = [HumanMessage("x", id="1")]

    merge_messages(history, [HumanMessage("y", id="2")])
    merge_messages(history, [RemoveMessage("1")])

    assert [message.id for message in history] == ["1"]


def test_removing_what_is_not_there_changes_nothing() -> None:
    """A write that fails once would fail each time the thread is loaded."""
    history = [HumanMessage("x", id="1")]

    assert merge_messages(history, [RemoveMessage("2")]) == history


def test_remove_all_removes_what_came_before() -> None:
    """What comes after it in the same write stays."""
    new = [HumanMessage("y", id="2"), RemoveMessage(REMOVE_ALL_MESSAGES), AIMessage("z", id="3")]

    assert [m.id for m in merge_messages([HumanMessage("x", id="1")], [new])] == ["3"]


def test_an_answer_stands_after_its_call() -> None:
    """Whoever spoke in the meantime comes after the answer."""
    history = [called("1", "x"), ToolMessage("a", id="2", tool_call_id="y"), AIMessage("b", id="3")]

    merged = merge_messages(history, [ToolMessage("late", id="4", tool_call_id="x")])

    assert [message.id for message in merged] == ["1", "2", "4", "3"]


def test_an_answer_to_nothing_comes_last() -> None:
    """There is no better place."""
    merged = merge_messages([AIMessage("b", id="3")], [ToolMessage("a", id="4", tool_call_id="x")])

    assert [message.id for message in merged] == ["3", "4"]


@pytest.mark.parametrize(
    "write",
    ["hi", ("user", "hi"), {"role": "user", "content": "hi"}, [{"type": "human", "content": "hi"}]],
)
def test_whatever_langchain_reads_as_a_message_is_one(write: object) -> None:
    """Plain strings and tuples get an id that each replay gives again."""
    (message,) = merge_messages([], [write])

    assert isinstance(message, HumanMessage)
    assert message == merge_messages([], [write])[0]


def test_a_chunk_becomes_a_message() -> None:
    """A streamed message is stored as what it adds up to."""
    (message,) = merge_messages([], [AIMessageChunk(content="hi", id="1")])

    assert type(message) is AIMessage


def test_a_thread_grows_by_what_is_new() -> None:
    """A turn stores its own messages, not those before it."""

    class Growing(TypedDict):
        messages: Messages

    def answer(state: Growing) -> dict[str, Any]:  # noqa: ARG001 - a node takes the state
        return {"messages": [AIMessage("x" * 100)]}

    saver = InMemorySaver()
    graph = StateGraph(Growing).add_node("answer", answer).add_edge(START, "answer")
    app = graph.compile(checkpointer=saver)
    for _ in range(40):
        app.invoke({"messages": [HumanMessage("hi")]}, {"configurable": {"thread_id": "t"}})

    stored = sum(len(blob) for _, blob in saver.blobs.values())
    assert len(app.get_state({"configurable": {"thread_id": "t"}}).values["messages"]) == 80
    assert stored < 40 * 200


def test_a_step_that_writes_no_messages_is_none() -> None:
    """LangGraph is told that nothing has changed, so no full copy comes sooner for it."""
    channel = MessageChannel(merge_messages)

    assert channel.update([[human("1", "hi")]])
    assert not channel.update([[], []])
    assert channel.update([[], ""])
    assert [message.content for message in channel.get()] == ["hi", ""]


def test_it_passes_for_langgraphs_own_channel() -> None:
    """A node whose state is `MessagesState` fits into a graph with this channel."""
    channel = MessageChannel(merge_messages)

    theirs, plain = StateGraph(MessagesState).channels["messages"], operator.add
    assert channel == theirs
    assert channel != BinaryOperatorAggregate(list[Any], plain)
    assert channel == MessageChannel(merge_messages)

    class Ours(TypedDict):
        messages: Messages

    def answer(state: MessagesState) -> MessagesState:  # noqa: ARG001 - a node takes the state
        return {"messages": [AIMessage("x", id="1")]}

    app = StateGraph(Ours).add_node("answer", answer).add_edge(START, "answer").compile()
    assert len(app.invoke({"messages": [HumanMessage("hi")]})["messages"]) == 2
