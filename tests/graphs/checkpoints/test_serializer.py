"""How checkpoints are written and read."""

from collections.abc import Callable
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import EXT_PYDANTIC_V2, JsonPlusSerializer
from langgraph.checkpoint.serde.types import (
    _DeltaSnapshot,  # pyright: ignore[reportPrivateUsage] - what a channel's copy is
)
from langgraph.types import Send
from tests.graphs.fakes import Office, ask, scripted

from bailiwick.graphs import create_supervisor
from bailiwick.graphs.checkpoints.serializer import COMPRESSED, CompactSerializer
from bailiwick.policies.principals import Principal

MESSAGES: list[BaseMessage] = [
    HumanMessage("hi", id="1", name="clerk"),
    AIMessage("", id="2", tool_calls=[{"name": "look", "args": {"at": 1}, "id": "3"}]),
    AIMessage(
        [{"type": "text", "text": "x"}],
        id="4",
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    ),
    ToolMessage("seen", id="5", tool_call_id="3", artifact={"a": [1]}, status="error"),
    SystemMessage("be brief", id="6"),
    RemoveMessage("1"),
]


def test_nothing_and_little_are_written_as_they_are() -> None:
    """Compression would only make them longer."""
    serializer = CompactSerializer()

    assert serializer.dumps_typed(None) == ("null", b"")
    assert serializer.dumps_typed(b"x" * 999) == ("bytes", b"x" * 999)
    assert serializer.dumps_typed("x")[0] == "msgpack"


def test_messages_come_back_as_they_were() -> None:
    """As objects that behave like any other message."""
    serializer = CompactSerializer()

    tag, written = serializer.dumps_typed(MESSAGES)
    read = serializer.loads_typed((tag, written))

    assert tag == COMPRESSED
    assert read == MESSAGES
    assert [type(message) for message in read] == [type(message) for message in MESSAGES]
    for before, after in zip(MESSAGES, read, strict=True):
        assert after.model_dump() == before.model_dump()
        assert after.model_copy(update={"id": "9"}).id == "9"
        assert repr(after) == repr(before)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=12,
    )
)
def test_any_plain_value_comes_back(value: object) -> None:
    """Whatever its size, compressed or not."""
    serializer = CompactSerializer()

    assert serializer.loads_typed(serializer.dumps_typed([value] * 9)) == [value] * 9


def within(snapshot: object) -> dict[str, Any]:
    """Return a checkpoint that holds a copy of a history, as SQLite's saver writes one."""
    return {"id": "1", "channel_values": {"messages": snapshot, "count": 1}}


def alone(snapshot: object) -> object:
    """Return a copy by itself, as other savers write it."""
    return snapshot


@pytest.mark.parametrize("wrapped", [within, alone])
def test_a_copy_of_a_history_comes_back(wrapped: Callable[[object], object]) -> None:
    """With whatever else a history may hold, in its place; LangGraph's form takes more bytes."""
    odd: list[Any] = [
        AIMessageChunk(content="part", id="7"),
        HumanMessage("x", id="8", mood="good"),
        "text",
    ]
    history = [*MESSAGES, *odd, *MESSAGES]
    serializer = CompactSerializer()

    tag, written = serializer.dumps_typed(wrapped(_DeltaSnapshot(history)))
    read = serializer.loads_typed((tag, written))

    snapshot = read["channel_values"]["messages"] if isinstance(read, dict) else read
    assert read == wrapped(snapshot)
    assert snapshot.value == history
    assert [type(each) for each in snapshot.value] == [type(each) for each in history]
    for before, after in zip(MESSAGES, snapshot.value, strict=False):
        assert after.model_dump() == before.model_dump()
        assert after.model_fields_set
        assert repr(after) == repr(before)
    assert snapshot.value[7].mood == "good"


@pytest.mark.parametrize(
    "history", [[], "no list", ["x"], {"a": 1}, [[1, 2], [3]], [[0, {"content": "x"}]], [None]]
)
def test_a_copy_of_something_else_comes_back(history: object) -> None:
    """LangGraph keeps channels of any kind this way."""
    serializer = CompactSerializer()
    read = serializer.loads_typed(serializer.dumps_typed(within(_DeltaSnapshot(history))))
    assert read["channel_values"]["messages"].value == history


def test_a_history_of_another_release_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that messages had or will have is no reason to lose them."""
    serializer = CompactSerializer()
    fields = {**HumanMessage("hi", id="1").model_dump(), "mood": "good"}
    del fields["name"]

    def dump(_: HumanMessage) -> dict[str, Any]:
        return fields

    monkeypatch.setattr(HumanMessage, "model_dump", dump)
    written = serializer.dumps_typed(_DeltaSnapshot([HumanMessage("hi", id="1")]))
    monkeypatch.undo()

    (read,) = serializer.loads_typed(written).value

    assert (read.content, read.id, read.name, read.mood) == ("hi", "1", None, "good")


def test_a_copy_that_langgraph_has_written_is_read() -> None:
    """Of a database that was in use before."""
    plain = JsonPlusSerializer(allowed_msgpack_modules=None)
    written = plain.dumps_typed(within(_DeltaSnapshot(MESSAGES)))
    read = CompactSerializer().loads_typed(written)
    assert read["channel_values"]["messages"].value == MESSAGES


def test_what_langgraph_has_written_can_be_read() -> None:
    """A database that was in use goes on being used."""
    written = JsonPlusSerializer().dumps_typed([MESSAGES, Send("a", {"messages": MESSAGES})])

    assert CompactSerializer().loads_typed(written) == [MESSAGES, Send("a", {"messages": MESSAGES})]


def test_a_message_with_other_fields_is_validated() -> None:
    """One written by another version of LangChain goes the long way round."""
    serializer = CompactSerializer()
    odd = HumanMessage("hi", id="1", mood="good")

    assert serializer.loads_typed(serializer.dumps_typed([odd])) == [odd]


def test_a_message_keeps_what_is_added_to_it() -> None:
    """LangChain's messages take further fields; neither they nor other messages lose anything."""
    serializer = CompactSerializer()

    def again(message: BaseMessage) -> BaseMessage:
        read: BaseMessage = serializer.loads_typed(serializer.dumps_typed(message))
        return read

    noted = again(HumanMessage("a" * 99, id="1"))
    other = again(HumanMessage("b" * 99, id="2"))
    noted.note = "mine"  # type: ignore[attr-defined]  # an extra field

    assert other.model_fields_set == set(HumanMessage.model_fields)
    assert again(noted) == noted
    assert again(again(noted)).model_extra == {"note": "mine"}
    assert again(other) == other


def test_what_names_no_class_is_left_out() -> None:
    """As LangGraph does: one forged value must not make a checkpoint unreadable."""
    nameless = ormsgpack.Ext(EXT_PYDANTIC_V2, ormsgpack.packb(["", "X", {}, "model_validate_json"]))
    written = ("msgpack", ormsgpack.packb({"a": nameless, "b": 1}))

    assert CompactSerializer().loads_typed(written) == JsonPlusSerializer().loads_typed(written)


def test_only_harmless_types_are_built() -> None:
    """Another type comes back as its plain values, unless the graph's schema names it."""
    value = [Principal(id="clerk" * 20)]
    strict = CompactSerializer()
    wide = strict.with_msgpack_allowlist([Principal])

    written = strict.dumps_typed(value)

    assert not isinstance(strict.loads_typed(written)[0], Principal)
    assert wide.loads_typed(written) == value


def test_a_conversation_takes_a_fraction_of_the_space(office: Office) -> None:
    """The same thread, written by LangGraph's serializer and by this one."""
    sizes: list[int] = []
    for serializer in (JsonPlusSerializer(), CompactSerializer()):
        saver = InMemorySaver(serde=serializer)
        model = scripted(*(ask("transfer_to_a") if turn % 2 == 0 else "x" for turn in range(40)))
        app = create_supervisor([office.agent("a")], model=model).compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "t"}}
        for _ in range(20):
            app.invoke({"messages": [HumanMessage("help")]}, config)
        assert len(app.get_state(config).values["messages"]) == 140
        writes = [written for kept in saver.writes.values() for _, _, written, _ in kept.values()]
        sizes.append(sum(len(data) for _, data in writes))

    assert sizes[1] * 3 < sizes[0]


@pytest.mark.parametrize("flaw", [b"", b"\xff\xff\xff"], ids=["empty", "garbled"])
def test_what_cannot_be_read_is_an_error(flaw: bytes) -> None:
    """It is not taken for an empty history."""
    with pytest.raises(Exception, match=r".+"):
        CompactSerializer().loads_typed((COMPRESSED, flaw))
