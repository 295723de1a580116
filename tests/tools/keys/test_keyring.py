"""The keys a process holds: fetched beforehand, used without Vault, and not for ever."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sealed import House, open_house

from bailiwick.policies.errors import CheckpointError, VaultError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.keys.checkpoint_keys import LOT, Forgotten
from bailiwick.tools.keys.keyring import FRESH, ID, NONCE, TAG, Keyring, Unopened


@pytest.fixture
def house(devvault: DevelopmentVault) -> Iterator[House]:
    """A Vault with the services of the house, and a ledger in memory."""
    with open_house(devvault, "sqlite://") as opened:
        yield opened


@pytest.fixture
def ring(house: House) -> Keyring:
    """The keys of a process that has just sealed for the thread `one`."""
    made = house.keyring()
    made.prepare("one", sealing=True)
    return made


def test_nothing_is_sealed_or_opened_that_was_not_prepared(house: House, ring: Keyring) -> None:
    """There is no key to fall back on."""
    sealed = ring.seal("one", b"x", b"")
    empty = house.keyring()
    assert not empty.is_ready("one", sealing=False)
    with pytest.raises(CheckpointError, match="no key was prepared"):
        empty.seal("one", b"x", b"")
    with pytest.raises(Unopened):
        empty.open("one", sealed, b"")


def test_reading_makes_no_key(house: House) -> None:
    """Whoever looks at a thread that is not there leaves nothing behind."""
    house.keyring().prepare("one", sealing=False)
    assert house.count() == 0


def test_what_was_sealed_is_opened_by_another_process(house: House, ring: Keyring) -> None:
    """With the same key; nothing at all is a value, too."""
    other = house.keyring()
    other.prepare("one", sealing=True)
    for content in (b"", b"what was said"):
        sealed = ring.seal("one", content, b"here")
        assert len(sealed) == ID + NONCE + len(content) + TAG
        assert other.open("one", sealed, b"here") == content
    assert other.seal("one", b"", b"")[:ID] == sealed[:ID]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=40), st.data())
def test_any_changed_bit_is_found(ring: Keyring, content: bytes, data: st.DataObject) -> None:
    """And any byte that is missing or one too many."""
    sealed = ring.seal("one", content, b"here")
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for changed in (bytes(flipped), cut, sealed + b"x"):
        with pytest.raises(Unopened):
            ring.open("one", changed, b"here")
    with pytest.raises(Unopened):
        ring.open("one", sealed, b"elsewhere")


def test_one_threads_key_does_not_open_anothers_values(ring: Keyring) -> None:
    """Whatever they are bound to."""
    ring.prepare("two", sealing=True)
    with pytest.raises(Unopened, match="with a key that this thread does not have"):
        ring.open("two", ring.seal("one", b"x", b""), b"")


def test_no_nonce_is_used_twice(ring: Keyring) -> None:
    """By many threads at once neither."""

    def seal(_: int) -> bytes:
        return ring.seal("one", b"x", b"")

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(seal, range(4000)))
    assert len({each[: ID + NONCE] for each in sealed}) == 4000


def test_what_is_prepared_needs_no_vault(house: House, ring: Keyring) -> None:
    """Threads that run go on while Vault is sealed; new ones do not begin."""
    before = house.requests()
    house.devvault.seal()
    assert ring.is_ready("one", sealing=True)
    ring.prepare("one", sealing=True)
    assert ring.open("one", ring.seal("one", b"x", b""), b"") == b"x"
    assert house.requests() == before
    with pytest.raises(VaultError, match="is sealed"):
        ring.prepare("two", sealing=True)
    with pytest.raises(VaultError, match="is sealed"):
        house.keyring().prepare("one", sealing=False)


def test_one_request_is_made_however_many_wait_for_a_key(house: House) -> None:
    """They take turns, and find it there."""
    ring = house.keyring()
    ring.prepare("warm", sealing=True)
    before = house.requests()

    def prepare(_: int) -> None:
        ring.prepare("one", sealing=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(prepare, range(16)))
    assert house.requests() == before + 1


def test_a_process_lets_go_of_a_forgotten_threads_key(house: House) -> None:
    """After half a minute at the latest, without being told."""
    clock = itertools.count(0.0, FRESH)
    now = [next(clock)]
    ring = Keyring(house.keys, clock=lambda: now[0])
    ring.prepare("one", sealing=True)
    sealed = ring.seal("one", b"x", b"")
    house.keeper.forget("one", "clerk")
    assert ring.is_ready("one", sealing=True)
    now[0] = next(clock)
    assert not ring.is_ready("one", sealing=False)
    with pytest.raises(Forgotten):
        ring.prepare("one", sealing=True)
    with pytest.raises(CheckpointError):
        ring.seal("one", b"x", b"")
    with pytest.raises(Unopened):
        ring.open("one", sealed, b"")


def test_a_lot_that_runs_low_is_renewed_before_it_is_used_up(house: House, ring: Keyring) -> None:
    """Of the same key, as long as that has uses left."""
    lot = ring._rings["one"].lot  # pyright: ignore[reportPrivateUsage] - 65,000 uses take long
    assert lot is not None
    lot.uses = itertools.count(LOT - 1)
    first = ring.seal("one", b"x", b"")
    assert not ring.is_ready("one", sealing=True)
    with pytest.raises(CheckpointError, match="is used up"):
        ring.seal("one", b"x", b"")
    ring.prepare("one", sealing=True)
    assert ring.seal("one", b"x", b"")[:ID] == first[:ID]
    assert house.count() == 1


def test_a_shared_key_serves_every_thread(house: House) -> None:
    """One key, and each value still bound to what it was sealed for."""
    ring = house.keyring(shared=True)
    for thread in ("one", "two"):
        ring.prepare(thread, sealing=True)
    sealed = ring.seal("one", b"x", b"one")
    assert house.count() == 1
    with pytest.raises(Unopened):
        ring.open("two", sealed, b"two")
    # The setting may change: what either wrote is read.
    single = house.keyring()
    single.prepare("one", sealing=True)
    assert single.open("one", sealed, b"one") == b"x"
    assert house.count() == 2
    ring = house.keyring(shared=True)
    ring.prepare("one", sealing=False)
    assert ring.open("one", single.seal("one", b"y", b""), b"") == b"y"
