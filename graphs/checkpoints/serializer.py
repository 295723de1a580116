"""Owns how checkpoints are written: LangGraph's form, compressed, and read back fast."""

import zlib
from collections.abc import Callable, Iterable
from typing import Any, Self

import ormsgpack
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.checkpoint.serde.jsonplus import (
    EXT_DELTA_SNAPSHOT,
    EXT_PYDANTIC_V2,
    JsonPlusSerializer,
)
from langgraph.checkpoint.serde.types import (
    _DeltaSnapshot,  # pyright: ignore[reportPrivateUsage] - what a snapshot of a channel is read as
)
from pydantic import BaseModel

from bailiwick.policies.errors import CheckpointError

COMPRESSED = "msgpack+zlib1"
"""The type of a compressed value. The `1` is that of the dictionary: another one needs another."""

SEALED = "sealed"
"""What the types of sealed values begin with."""

_DICTIONARY = (
    b"\xa7channel\xa6source\xa4loop\xa5input\xa4step\xb6counters_since_delta_snapshot"
    b"\x91\xc7\xd2\x05\x94\xbclangchain_core.messages.tool\xabToolMessage\x88\xa7content"
    b"\xb1additional_kwargs\x80\xb1response_metadata\x81\xb5__handoff_destination"
    b"\xa4type\xa4tool\xa4name\xc0\xa2id\xd9$\xactool_call_id\xa8artifact\xc0\xa6status\xa7success"
    b"\x91\xc7\xd2\x05\x94\xbdlangchain_core.messages.human\xacHumanMessage\x86\xa7content"
    b"\xb1additional_kwargs\x80\xb1response_metadata\x80\xa4type\xa5human\xa4name\xc0\xa2id\xd9$"
    b"\xb3model_validate_json"
    b"\x91\xc8\x01\x1c\x05\x94\xbalangchain_core.messages.ai\xa9AIMessage\x89\xa7content"
    b"\xb1additional_kwargs\x80\xb1response_metadata\x81\xb1__is_handoff_back\xc3\xa4type\xa2ai"
    b"\xa4name\xaasupervisor\xa2id\xd9.lc_run--\xaatool_calls\x91\x84\xa4name\xa4args\x80"
    b"\xa2id\xa4type\xa9tool_call\xb2invalid_tool_calls\x90\xaeusage_metadata\xc0"
    b"\xb3model_validate_json"
    b"\x87\xa1v\x04\xa2ts\xd9 2026-01-01T00:00:00.000000+00:00\xa2id\xd9$"
    b"\xaechannel_values\x81\xa9__start__\x81\xa8messages\xb4branch:to:supervisor\xc0"
    b"\xb0channel_versions\x83\xa9__start__\xd900000000000000000000000000000000.0.0000000000000000"
    b"\xa8messages\xd900000000000000000000000000000000.0.0000000000000000"
    b"\xb4branch:to:supervisor\xd900000000000000000000000000000000.0.0000000000000000"
    b"\xadversions_seen\x83\xa9__input__\x80\xa9__start__\x81\xa9__start__"
    b"\xd900000000000000000000000000000000.0.\xaasupervisor\x81\xb4branch:to:supervisor"
    b"\xd900000000000000000000000000000000.0.\xb0updated_channels\x92\xa8messages"
)
"""What most values hold. Values written with it need it to be read, so it never changes."""

_RAW, _LEVEL = -15, 6
_SMALL = 64
"""Bytes below which compression does not pay."""

_READ = ormsgpack.OPT_NON_STR_KEYS
_KINDS: tuple[type[BaseMessage], ...] = (AIMessage, HumanMessage, SystemMessage, ToolMessage)
"""By their place, histories name them: another one can only be added at the end."""

_NAMES = tuple(set(kind.model_fields) for kind in _KINDS)
_PLACES: dict[type, int] = {kind: place for place, kind in enumerate(_KINDS)}
_PLACES_BY_NAME = {(kind.__module__, kind.__name__): place for kind, place in _PLACES.items()}
_HISTORY = 64
"""The code of a copy of a history: a list of pairs, of a message's kind and its fields.

What is no such message has no kind, and follows as it is. LangGraph writes each message by itself,
with its class's name, and such a list takes a third longer to read.
"""

_SLOTS = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
"""What a pydantic model consists of."""

Hook = Callable[[int, bytes], Any]


class CompactSerializer(JsonPlusSerializer):
    """Write checkpoints small and read messages without checking again what was checked once.

    It reads what LangGraph's serializer has written. Types are restricted as there: by default to
    LangGraph's list of harmless ones, so that a row written by somebody else can name no class of
    its own to be built.

    Args:
        plain: Reads everything but messages, and says which types may be built.
    """

    def __init__(self, plain: JsonPlusSerializer | None = None) -> None:
        self._plain = plain or JsonPlusSerializer(allowed_msgpack_modules=None)
        hook = _hook(self._plain._unpack_ext_hook)  # noqa: SLF001 - there is no public way to it
        super().__init__(allowed_msgpack_modules=None, __unpack_ext_hook__=hook)

    def with_msgpack_allowlist(self, extra_allowlist: Iterable[tuple[str, ...] | type]) -> Self:
        """Return a serializer that may build further types, too."""
        return type(self)(self._plain.with_msgpack_allowlist(extra_allowlist))

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:  # noqa: ANN401 - as documented by the base class
        """Return the value's type tag and its bytes."""
        tag, written = super().dumps_typed(self._with_histories(obj))
        if tag != "msgpack" or len(written) < _SMALL:
            return tag, written
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, zdict=_DICTIONARY)
        return COMPRESSED, packer.compress(written) + packer.flush()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:  # noqa: ANN401 - as documented by the base class
        """Return the value of a type tag and bytes.

        Raises:
            CheckpointError: If it is sealed.
        """
        tag, written = data
        if tag.startswith(SEALED):
            raise CheckpointError("these checkpoints are sealed: set BAILIWICK_ENCRYPT=transit")
        if tag != COMPRESSED:
            return super().loads_typed(data)
        unpacker = zlib.decompressobj(_RAW, zdict=_DICTIONARY)
        return super().loads_typed(("msgpack", unpacker.decompress(written)))

    def _with_histories(self, obj: Any) -> Any:  # noqa: ANN401 - whatever is to be written
        """Return copies of histories in our form, also within a checkpoint, and all else as is."""
        if type(obj) is _DeltaSnapshot:
            return self._history(obj)
        values = obj.get("channel_values") if type(obj) is dict else None
        if type(values) is not dict or _DeltaSnapshot not in map(type, values.values()):
            return obj
        return {**obj, "channel_values": {key: self._history(v) for key, v in values.items()}}

    def _history(self, value: Any) -> Any:  # noqa: ANN401 - a channel's value
        if type(value) is not _DeltaSnapshot or type(value.value) is not list:
            return value
        tag, written = super().dumps_typed([_row(each) for each in value.value])
        return ormsgpack.Ext(_HISTORY, written) if tag == "msgpack" else value


def _row(message: Any) -> tuple[int | None, Any]:  # noqa: ANN401 - whatever a history holds
    place = _PLACES.get(type(message))
    if place is None or message.__pydantic_extra__:
        return None, message
    return place, message.model_dump()


def _hook(otherwise: Hook) -> Hook:
    """Return what builds the values that msgpack has no form for."""
    unpack, new = ormsgpack.unpackb, object.__new__
    set_fields, set_names, set_extra, set_private = (
        vars(BaseModel)[slot].__set__ for slot in _SLOTS
    )

    def history(rows: Iterable[tuple[int | None, Any]]) -> list[Any]:
        read: list[Any] = []
        for place, fields in rows:
            if place is None:
                read.append(fields)
                continue
            kind, names = _KINDS[place], _NAMES[place]
            if fields.keys() != names:
                # Another release of LangChain has written it.
                read.append(kind.model_construct(**fields))
                continue
            # Filled as pydantic itself would: these values are the result of its validation, and
            # doing that again takes four times as long. A field that a message gets later joins
            # its names.
            message = new(kind)
            set_fields(message, fields)
            set_names(message, names.copy())
            set_extra(message, {})
            set_private(message, None)
            read.append(message)
        return read

    def build(code: int, payload: bytes) -> Any:  # noqa: ANN401 - whatever was written
        if code == _HISTORY:
            return _DeltaSnapshot(history(unpack(payload, ext_hook=build, option=_READ)))
        if code == EXT_DELTA_SNAPSHOT:
            return _DeltaSnapshot(unpack(payload, ext_hook=build, option=_READ))
        if code != EXT_PYDANTIC_V2:
            return otherwise(code, payload)
        module, kind, fields, *_ = unpack(payload, ext_hook=build, option=_READ)
        place = _PLACES_BY_NAME.get((module, kind))
        if place is None or fields.keys() != _NAMES[place]:
            return otherwise(code, payload)
        return history([(place, fields)])[0]

    return build
