"""Owns the form of a sealed value: LangGraph's, compressed, encrypted, and bound to its place."""

import base64
import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, cast

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import (
    _DeltaSnapshot,  # pyright: ignore[reportPrivateUsage] - savers look for it among the values
)

from bailiwick.graphs.checkpoints.serializer import COMPRESSED, SEALED, CompactSerializer
from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.keys.keyring import Keyring, Unopened

ROW, VALUE = f"{SEALED}1", f"{SEALED}1v"
"""The types of what a saver opens itself, and of what is opened when its place is known."""

MARK = "bailiwick_seal"
"""The name of what this adds to a checkpoint."""

_TAGS = ("null", "bytes", "bytearray", "msgpack", COMPRESSED)
_FORMS = {tag: number.to_bytes() for number, tag in enumerate(_TAGS)}
_WHOLE = object()
_UNSEALED = (
    "it is not sealed: somebody has put it there, or it is older than the sealing and needs "
    "BAILIWICK_ENCRYPT=migrating"
)

Label = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Say where a checkpoint belongs.

    Attributes:
        thread: The thread.
        namespace: The namespace of the graph or subgraph in it.
    """

    thread: str
    namespace: str


class Labelled(NamedTuple):
    """Hold a value on its way into the database, with what it is bound to beside its place."""

    value: Any
    label: Label


class Sealed(NamedTuple):
    """Hold a value on its way out of the database, not opened yet."""

    content: bytes


class Opened(NamedTuple):
    """Hold a value that was part of an opened row."""

    value: Any


def labelled(value: object, *label: str) -> object:
    """Return a value with its label, as something that savers treat as they would the value."""
    if isinstance(value, _DeltaSnapshot):
        return _DeltaSnapshot(Labelled(value.value, label))
    return Labelled(value, label)


class SealingSerializer(CompactSerializer):
    """Seal every value with AES-256-GCM under a key of its thread, and open none that is not.

    A saver does not say whose values it gives. So this serializer is bound to a place by `at`, as
    `SealedSaver` of `sealed_saver.py` does for each call; unbound it refuses. Bound are the thread,
    the namespace and the type; for a value in a row of its own also its channel and, where a task
    has written it, the task.

    Args:
        keys: Seals and opens.
        migrating: Whether values are read that were written before the sealing, and so whatever
            somebody plants; written are sealed ones only.
        plain: Reads everything but messages, and says which types may be built.
    """

    def __init__(
        self, keys: Keyring, *, migrating: bool = False, plain: JsonPlusSerializer | None = None
    ) -> None:
        super().__init__(plain)
        self.keys = keys
        self.is_migrating = migrating
        self._place: Place | None = None
        self._bounds: dict[str, bytes] = {}
        self._is_skimming = False

    def with_msgpack_allowlist(self, extra_allowlist: Iterable[tuple[str, ...] | type]) -> Self:
        """Return a serializer that may build further types, too."""
        plain = self._plain.with_msgpack_allowlist(extra_allowlist)
        return type(self)(self.keys, migrating=self.is_migrating, plain=plain)

    def at(self, place: Place) -> Self:
        """Return this serializer, bound to a place."""
        bound = copy.copy(self)
        bound._place = place  # noqa: SLF001 - its own kind
        named = (place.thread, place.namespace)
        bound._bounds = {kind: _parts(kind, *named) for kind in (ROW, VALUE)}  # noqa: SLF001 - as above
        return bound

    def skimming(self) -> Self:
        """Return this serializer reading nothing: rows are empty checkpoints, values unopened."""
        skimming = copy.copy(self)
        skimming._is_skimming = True  # noqa: SLF001 - as above
        return skimming

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:  # noqa: ANN401 - as documented by the base class
        """Return the type and the sealed bytes of a value.

        Raises:
            CheckpointError: If it is not bound to a place, or no key was prepared.
        """
        match obj:
            case Labelled():
                return VALUE, self._seal(obj.value, VALUE, obj.label)
            case _DeltaSnapshot(value=Labelled(value, label)):
                return VALUE, self._seal(_DeltaSnapshot(value), VALUE, label)
            case {"channel_values": dict(values), **rest}:
                plain = {name: _unlabelled(value) for name, value in values.items()}
                rest.pop(MARK, None)
                return ROW, self._seal({**rest, "channel_values": plain}, ROW, ())
            case _:
                return ROW, self._seal(obj, ROW, ())

    def loads_typed(self, data: tuple[str, bytes]) -> Any:  # noqa: ANN401 - as documented by the base class
        """Return what a row holds, or a sealed value that is to be opened with its label.

        Raises:
            Unopened: If it was not sealed for this place.
        """
        tag, content = data
        if tag == ROW:
            return _nothing() if self._is_skimming else _marked(self._open(content, ROW, ()))
        if tag == VALUE:
            return Sealed(content)
        if self.is_migrating:
            return super().loads_typed(data)
        raise Unopened(_UNSEALED)

    def open(self, value: object, *label: str) -> Any:  # noqa: ANN401 - whatever was sealed
        """Return what a value holds that `loads_typed` has given.

        Raises:
            Unopened: If it was not sealed for this place and label.
        """
        if isinstance(value, Sealed):
            return self._open(value.content, VALUE, label)
        if isinstance(value, Opened):
            return value.value
        # Savers may keep nothing as nothing; that it is so is part of the row.
        if value is None or self.is_migrating:
            return value
        raise Unopened(_UNSEALED)

    def sign(self, checkpoint: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
        """Return what proves a checkpoint's row, for savers that keep it unsealed."""
        sealed = self._seal(None, VALUE, _row_label(checkpoint, metadata))
        return base64.b64encode(sealed).decode()

    def check(self, checkpoint: dict[str, Any], metadata: Mapping[str, Any]) -> None:
        """Take the mark off a checkpoint that was read, if it proves the row.

        Raises:
            Unopened: If it does not.
        """
        mark = checkpoint.pop(MARK, None)
        if mark is _WHOLE or (mark is None and self.is_migrating):
            return
        if not isinstance(mark, str):
            raise Unopened(_UNSEALED)
        try:
            sealed = base64.b64decode(mark, validate=True)
        except ValueError:
            raise Unopened("its seal is garbled") from None
        self._open(sealed, VALUE, _row_label(checkpoint, metadata))

    def _seal(self, value: object, kind: str, label: Label) -> bytes:
        if self._place is None:
            raise CheckpointError(
                "checkpoints are sealed for a thread: put a SealedSaver around the saver"
            )
        tag, written = super().dumps_typed(value)
        content = _FORMS[tag] + written
        return self.keys.seal(self._place.thread, content, self._bounds[kind] + _parts(*label))

    def _open(self, content: bytes, kind: str, label: Label) -> Any:  # noqa: ANN401 - whatever was sealed
        if self._place is None:
            raise Unopened("it was read without its thread: put a SealedSaver around the saver")
        bound = self._bounds[kind] + _parts(*label) if label else self._bounds[kind]
        plain = self.keys.open(self._place.thread, content, bound)
        return super().loads_typed((_TAGS[plain[0]], plain[1:]))


def _parts(*parts: str) -> bytes:
    # With its length before each, no two lists of parts read alike.
    return b"".join([len(text).to_bytes(4) + text for text in map(str.encode, parts)])


def _row_label(checkpoint: Mapping[str, Any], metadata: Mapping[str, Any]) -> Label:
    values = cast("Mapping[str, object]", checkpoint["channel_values"])
    row = {name: part for name, part in checkpoint.items() if name != "channel_values"}
    empty = [name for name, value in values.items() if value is None]
    text = json.dumps([row, sorted(empty), dict(metadata)], sort_keys=True)
    return ("row", hashlib.sha256(text.encode()).hexdigest())


def _unlabelled(value: object) -> object:
    match value:
        case Labelled():
            return value.value
        case _DeltaSnapshot(value=Labelled(inner, _)):
            return _DeltaSnapshot(inner)
        case _:
            return value


def _marked(row: object) -> object:
    if not isinstance(row, dict) or "channel_versions" not in row:
        return row
    checkpoint = cast("dict[str, Any]", row)
    values = checkpoint.get("channel_values", {})
    checkpoint["channel_values"] = {name: Opened(value) for name, value in values.items()}
    checkpoint[MARK] = _WHOLE
    return checkpoint


def _nothing() -> dict[str, object]:
    return {"v": 4, "id": "", "ts": "", **{name: {} for name in _PARTS}}


_PARTS = ("channel_values", "channel_versions", "versions_seen")
