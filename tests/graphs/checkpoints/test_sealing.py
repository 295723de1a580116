"""The form of a sealed value: bound to its place, opened nowhere else, and nothing else opened."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.types import (
    _DeltaSnapshot,  # pyright: ignore[reportPrivateUsage] - what savers look for
)
from tests.sealed import House, open_house

from bailiwick.graphs.checkpoints.sealing import (
    MARK,
    ROW,
    VALUE,
    Place,
    Sealed,
    SealingSerializer,
    labelled,
)
from bailiwick.graphs.checkpoints.serializer import CompactSerializer
from bailiwick.policies.errors import CheckpointError
from bailiwick.policies.principals import Principal
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.keys.keyring import Unopened

HERE = Place("one", "")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A Vault with the services of the house, and a ledger in memory."""
    with DevelopmentVault() as devvault, open_house(devvault, "sqlite://") as opened:
        yield opened


@pytest.fixture(scope="module")
def unbound(house: House) -> SealingSerializer:
    """A serializer with the keys of two threads."""
    made = house.sealing()
    for thread in ("one", "two"):
        made.keys.prepare(thread, sealing=True)
    return made


@pytest.fixture(scope="module")
def here(unbound: SealingSerializer) -> SealingSerializer:
    """The serializer, bound to the thread `one`."""
    return unbound.at(HERE)


def test_without_a_place_nothing_is_written_or_read(
    unbound: SealingSerializer, here: SealingSerializer
) -> None:
    """A saver that was given it without a wrapper keeps nothing in the clear."""
    with pytest.raises(CheckpointError, match="put a SealedSaver around"):
        unbound.dumps_typed({"secret": 1})
    with pytest.raises(Unopened, match="put a SealedSaver around"):
        unbound.loads_typed(here.dumps_typed({"secret": 1}))


VALUES: list[Any] = [
    None,
    b"",
    b"bytes",
    bytearray(b"more"),
    "",
    0,
    {"a": ["list", 1.5, True]},
    [HumanMessage("hello", id="1"), AIMessage("x" * 500, id="2")],
]


@pytest.mark.parametrize("value", VALUES, ids=[type(value).__name__ for value in VALUES])
def test_values_come_back_as_they_were(here: SealingSerializer, value: object) -> None:
    """In a row of their own, and with a label."""
    tag, row = here.dumps_typed(value)
    assert (tag, here.loads_typed((tag, row))) == (ROW, value)
    tag, content = here.dumps_typed(labelled(value, "value", "a"))
    read = here.loads_typed((tag, content))
    assert (tag, type(read)) == (VALUE, Sealed)
    assert here.open(read, "value", "a") == value


def test_a_snapshot_stays_a_snapshot(here: SealingSerializer) -> None:
    """For savers, that look for it, and when it is opened."""
    given_to_saver = labelled(_DeltaSnapshot(["a"]), "value", "messages")
    assert isinstance(given_to_saver, _DeltaSnapshot)
    read = here.loads_typed(here.dumps_typed(given_to_saver))
    assert here.open(read, "value", "messages") == _DeltaSnapshot(["a"])


def test_a_whole_checkpoint_is_one_sealed_value(here: SealingSerializer) -> None:
    """Its values lose their labels, as it is opened before anything asks for one of them."""
    checkpoint: dict[str, Any] = {
        **empty_checkpoint(),
        "channel_values": {
            "a": labelled("x", "value", "a"),
            "b": labelled(_DeltaSnapshot([1]), "value", "b"),
            "c": None,
        },
        MARK: "a seal that other savers keep",
    }
    read = here.loads_typed(here.dumps_typed(checkpoint))
    here.check(read, {})
    opened = {name: here.open(each, "any") for name, each in read["channel_values"].items()}
    assert opened == {"a": "x", "b": _DeltaSnapshot([1]), "c": None}
    assert MARK not in read


@pytest.mark.parametrize(
    "other", [Place("two", ""), Place("one", "sub:1"), Place("on", "e")], ids=str
)
def test_a_value_opens_in_its_own_place_alone(
    unbound: SealingSerializer, here: SealingSerializer, other: Place
) -> None:
    """Another thread, another namespace, or both spelled so that they read alike."""
    unbound.keys.prepare(other.thread, sealing=True)
    for value in ("x", labelled("x", "value", "a")):
        read = here.dumps_typed(value)
        with pytest.raises(Unopened):
            unbound.at(other).open(unbound.at(other).loads_typed(read), "value", "a")


@pytest.mark.parametrize(
    "label",
    [(), ("value",), ("value", "b"), ("write", "a"), ("valu", "ea"), ("value", "a", "")],
    ids=repr,
)
def test_a_value_opens_under_its_own_label_alone(
    here: SealingSerializer, label: tuple[str, ...]
) -> None:
    """Another channel, a write in place of a value, or a label cut elsewhere."""
    read = here.loads_typed(here.dumps_typed(labelled("x", "value", "a")))
    with pytest.raises(Unopened):
        here.open(read, *label)


def test_a_value_opens_as_its_own_type_alone(here: SealingSerializer) -> None:
    """The type stands in a column of its own, that somebody may change."""
    _, row = here.dumps_typed("x")
    _, value = here.dumps_typed(labelled("x"))
    with pytest.raises(Unopened):
        here.open(here.loads_typed((VALUE, row)))
    with pytest.raises(Unopened):
        here.loads_typed((ROW, value))


@pytest.mark.parametrize("tag", ["msgpack", "null", "json", "pickle", "bytes", "", "sealed2"])
def test_what_is_not_sealed_is_refused(here: SealingSerializer, tag: str) -> None:
    """Before anything of it is read."""
    with pytest.raises(Unopened, match="it is not sealed"):
        here.loads_typed((tag, b""))
    with pytest.raises(Unopened, match="it is not sealed"):
        here.open("inline", "value", "a")


def test_migrating_reads_what_is_not_sealed_and_writes_what_is(house: House) -> None:
    """Sealed values are refused as ever where they do not belong."""
    migrating = house.sealing(migrating=True)
    migrating.keys.prepare("one", sealing=True)
    bound = migrating.at(HERE)
    assert bound.loads_typed(CompactSerializer().dumps_typed({"old": 1})) == {"old": 1}
    assert bound.open("inline", "value", "a") == "inline"
    tag, content = bound.dumps_typed({"new": 1})
    assert tag == ROW
    with pytest.raises(Unopened):
        bound.loads_typed((tag, content[:-1] + b"x"))


def test_without_keys_a_sealed_value_is_told_with_the_remedy(here: SealingSerializer) -> None:
    """Somebody has turned the sealing off."""
    with pytest.raises(CheckpointError, match="set BAILIWICK_ENCRYPT=transit"):
        CompactSerializer().loads_typed(here.dumps_typed("x"))


def test_a_rows_seal_proves_every_part_of_it(here: SealingSerializer) -> None:
    """Its versions, what it holds of nothing, and its metadata."""
    checkpoint: dict[str, Any] = {
        **empty_checkpoint(),
        "channel_values": {"a": None},
        "channel_versions": {"a": "1"},
    }
    metadata = {"step": 1, "parents": {}}
    seal = here.sign(checkpoint, metadata)
    here.check({**checkpoint, MARK: seal}, metadata)
    changed: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({**checkpoint, "channel_versions": {"a": "2"}}, metadata),
        ({**checkpoint, "channel_values": {}}, metadata),
        ({**checkpoint, "channel_values": {"a": None, "b": None}}, metadata),
        ({**checkpoint, "id": "another"}, metadata),
        (checkpoint, {**metadata, "step": 2}),
    ]
    for row, told in changed:
        with pytest.raises(Unopened):
            here.check({**row, MARK: seal}, told)
    for mark in (None, 1, "", "no base64!", True):
        with pytest.raises(Unopened):
            here.check({**checkpoint, MARK: mark}, metadata)


def test_only_harmless_types_are_built(here: SealingSerializer) -> None:
    """As without sealing; a graph's schema may name more."""
    value = [Principal(id="clerk" * 20)]
    wide = here.with_msgpack_allowlist([Principal]).at(HERE)
    written = here.dumps_typed(value)
    assert not isinstance(here.loads_typed(written)[0], Principal)
    assert wide.loads_typed(written) == value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ),
    st.lists(st.text(max_size=6), max_size=3),
    st.lists(st.text(max_size=6), max_size=3),
)
def test_any_value_opens_under_its_label_and_no_other(
    here: SealingSerializer, value: object, label: list[str], other: list[str]
) -> None:
    """Whatever the names of channels are."""
    read = here.loads_typed(here.dumps_typed(labelled(value, *label)))
    assert here.open(read, *label) == value
    if other != label:
        with pytest.raises(Unopened):
            here.open(read, *other)
