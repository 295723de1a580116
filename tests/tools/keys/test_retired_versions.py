"""Versions of Vault's key that are retired by several at once: no key is lost."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select
from tests.sealed import House, moved

from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.keys.checkpoint_keys import CheckpointKeys, Rewrapped
from bailiwick.tools.keys.transit import Transit, version_of
from bailiwick.tools.provision.services import CHECKPOINT_KEY, CHECKPOINT_KEYS
from bailiwick.tools.records.tables import retired_versions

THREADS = ("one", "two", "three")
PATIENCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping(Transit):
    """A key whose user stops once, at one place, until told to go on."""

    place: str
    stopped: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)

    def latest(self) -> int:
        """Return the newest version, perhaps some time after Vault has said it."""
        newest = Transit.latest(self)
        self._stop_at("told the newest version")
        return newest

    def rewrap(self, keys: Sequence[tuple[str, bytes]]) -> list[str | None]:
        """Rewrap keys, with a stop before or after it."""
        self._stop_at("about to rewrap")
        wrapped = Transit.rewrap(self, keys)
        self._stop_at("has rewrapped")
        return wrapped

    def _stop_at(self, place: str) -> None:
        if place == self.place:
            self.stopped.set()
            assert self.go.wait(PATIENCE)


class Stale(Transit):
    """A key of a Vault that has not heard of the newest version when it rewraps."""

    def rewrap(self, keys: Sequence[tuple[str, bytes]]) -> list[str | None]:
        """Return what was given."""
        return [wrapped for wrapped, _ in keys]


def stopping(house: House, place: str) -> Stopping:
    """Return the key of checkpoints, as an operator uses it who stops."""
    identity = CHECKPOINT_KEYS.identity
    return Stopping(vault=house.vault, name=CHECKPOINT_KEY, identity=identity, place=place)


@pytest.fixture
def house(house: House) -> House:
    """A ledger with keys of three threads."""
    for thread in THREADS:
        assert house.keys.make(thread)
    return house


@pytest.fixture
def other(house: House, database_url: str) -> Iterator[House]:
    """The same ledger in another process."""
    with moved(house, database_url) as opened:
        yield opened


@pytest.fixture
def stranger(house: House, tmp_path: Path) -> Iterator[House]:
    """Another ledger on the same Vault, without a key."""
    with moved(house, f"sqlite:///{tmp_path / 'stranger.db'}") as opened:
        yield opened


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Two who work at once."""
    with ThreadPoolExecutor(2) as made:
        yield made


def retiring(pool: ThreadPoolExecutor, house: House, transit: Transit) -> Future[Rewrapped]:
    """Rotate Vault's key, and begin to retire the versions before."""
    house.keeper.rotate()
    return pool.submit(CheckpointKeys(house.ledger, transit).retire)


def oldest(house: House) -> int | None:
    """Return the oldest version whose work is stored."""
    with house.ledger.reading() as connection:
        return connection.scalar(select(retired_versions.c.oldest))


def assert_nothing_is_lost(house: House, version: int) -> None:
    """Unwrap every key."""
    for thread in THREADS:
        (key,) = house.keys.of(thread)
        assert version_of(key.wrapped) == version
        house.keys.unwrap(key)


def test_a_ledger_that_never_had_a_key_retires_no_version(house: House, stranger: House) -> None:
    """It has nothing that an older version wraps; other ledgers have."""
    house.keeper.rotate()
    with pytest.raises(CheckpointError, match="set BAILIWICK_DATABASE_URL to the ledger"):
        stranger.keeper.retire()
    assert_nothing_is_lost(house, 1)


def test_a_ledger_whose_only_key_was_destroyed_retires_its_version(stranger: House) -> None:
    """A backup holds it yet."""
    assert stranger.keys.make("one")
    stranger.keeper.forget("one", "clerk")
    stranger.keeper.rotate()
    assert stranger.keeper.retire().version == 2


def test_of_two_who_retire_at_once_neither_loses_a_key(
    house: House, other: House, pool: ThreadPoolExecutor
) -> None:
    """Not even where the first has in hand what the second is about to retire."""
    early, late = stopping(house, "has rewrapped"), stopping(house, "has rewrapped")
    first = retiring(pool, house, early)
    assert early.stopped.wait(PATIENCE)
    second = retiring(pool, other, late)
    assert late.stopped.wait(PATIENCE)

    early.go.set()
    wait([first])
    late.go.set()
    wait([second])

    assert_nothing_is_lost(house, 3)
    assert (first.result().version, second.result().version) == (3, 3)


def test_what_others_have_wrapped_anew_meanwhile_is_not_told_as_lost(
    house: House, other: House, pool: ThreadPoolExecutor
) -> None:
    """Though Vault cannot unwrap any more what it is given."""
    slow = stopping(house, "about to rewrap")
    house.keeper.rotate()
    rewrapping = pool.submit(CheckpointKeys(house.ledger, slow).rewrap)
    assert slow.stopped.wait(PATIENCE)
    assert other.keeper.retire().keys == len(THREADS)

    slow.go.set()

    assert (rewrapping.result().keys, rewrapping.result().lost) == (0, ())
    assert_nothing_is_lost(house, 2)


def test_no_version_is_retired_that_wraps_a_key_yet(house: House) -> None:
    """However often it was tried; what is left can still be unwrapped."""
    stale = Stale(vault=house.vault, name=CHECKPOINT_KEY, identity=CHECKPOINT_KEYS.identity)
    house.keeper.rotate()
    with pytest.raises(CheckpointError, match="no version was retired; try again"):
        CheckpointKeys(house.ledger, stale).retire()
    assert_nothing_is_lost(house, 1)


def test_a_version_that_was_retired_stays_so(
    house: House, other: House, pool: ThreadPoolExecutor
) -> None:
    """Whoever was told of an older one before does not bring it back."""
    slow = stopping(house, "told the newest version")
    first = retiring(pool, house, slow)
    assert slow.stopped.wait(PATIENCE)
    second = retiring(pool, other, other.transit(CHECKPOINT_KEY, CHECKPOINT_KEYS))
    wait([second], timeout=0.5)

    slow.go.set()

    assert second.result().version == 3
    assert first.result().lost == ()
    assert oldest(house) == 3
    assert_nothing_is_lost(house, 3)
