"""The wrapped keys of checkpoints: made, counted, wrapped anew, destroyed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import select, update
from tests.sealed import House

from bailiwick.policies.errors import CheckpointError, VaultError
from bailiwick.tools.keys.checkpoint_keys import LOT, MOST_USES, CheckpointKeys, Forgotten
from bailiwick.tools.keys.key_rows import WrappedKey
from bailiwick.tools.keys.transit import DataKey, Transit, version_of
from bailiwick.tools.provision.services import CHECKPOINT_KEY, CHECKPOINTS
from bailiwick.tools.records.tables import checkpoint_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(Transit):
    """A key whose answer comes late."""

    late: DataKey

    def make(self, context: bytes) -> DataKey:
        """Return what was made before."""
        del context
        return self.late


def made(house: House, thread: str | None) -> WrappedKey:
    """Make a key where there is none."""
    found = house.keys.make(thread)
    assert found is not None
    return found[0]


def use_up(house: House, key: WrappedKey) -> None:
    """Leave one use fewer than a lot of a key."""
    with house.ledger.transaction() as connection:
        connection.execute(
            update(checkpoint_keys)
            .where(checkpoint_keys.c.id == key.id)
            .values(uses=MOST_USES - LOT + 1)
        )


def test_a_thread_without_a_key_has_none(house: House) -> None:
    """Nothing is made by looking, and there is nothing to rewrap or to destroy."""
    assert house.keys.of("one") == []
    assert house.keeper.rewrap().keys == 0
    assert house.count() == 0
    with pytest.raises(CheckpointError, match="has no key of its own to destroy"):
        house.keeper.forget("one", "clerk")


def test_only_the_wrapped_key_is_stored(house: House) -> None:
    """Unwrapped it is nowhere in the database."""
    found = house.keys.make("one")
    assert found is not None
    key, plain = found
    with house.ledger.reading() as connection:
        row = connection.execute(select(checkpoint_keys)).one()
    assert plain.get_secret_value() not in str(row)
    assert key.wrapped.startswith("vault:v1:")
    assert house.keys.of("one") == [key]
    assert house.keys.unwrap(key) == plain


def test_of_two_who_make_a_key_at_once_one_does(house: House) -> None:
    """The other is told to look again."""
    with ThreadPoolExecutor(4) as pool:
        found = [each for each in pool.map(house.keys.make, ["one"] * 4) if each]
    assert len(found) == 1
    assert len(house.keys.of("one")) == 1


def test_a_key_is_taken_by_lots_up_to_its_bound(house: House) -> None:
    """2**32 values under random nonces of 96 bits are what NIST SP 800-38D allows."""
    assert MOST_USES == 2**32
    key = made(house, "one")
    assert house.keys.take(key)
    use_up(house, key)
    assert not house.keys.take(key)
    assert made(house, "one").id != key.id
    assert len(house.keys.of("one")) == 2


def test_rewrapping_touches_what_is_old_alone(house: House) -> None:
    """All of them are found, however many; done twice it does nothing."""
    for number in range(3):
        made(house, f"thread-{number}")
    made(house, None)
    house.keeper.rotate()
    new = made(house, "new")
    first, second = house.keeper.rewrap(), house.keeper.rewrap()
    assert (first.version, first.keys, first.lost) == (2, 4, ())
    assert second.keys == 0
    assert house.keys.of("new") == [new]
    for thread in (None, "thread-0", "thread-1", "thread-2"):
        (key,) = house.keys.of(thread)
        assert version_of(key.wrapped) == 2
        house.keys.unwrap(key)


def test_a_key_of_another_thread_is_told_as_lost_and_keeps_versions_from_being_retired(
    house: House,
) -> None:
    """A row that somebody has given to another thread opens nothing there."""
    key = made(house, "one")
    with house.ledger.transaction() as connection:
        connection.execute(update(checkpoint_keys).values(thread="two"))
    (moved,) = house.keys.of("two")
    with pytest.raises(VaultError, match="belongs to another thread"):
        house.keys.unwrap(moved)
    house.keeper.rotate()
    assert house.keeper.rewrap().lost == ("two",)
    with pytest.raises(CheckpointError, match="no version was retired"):
        house.keeper.retire()
    house.keys.unwrap(key)


def test_what_was_wrapped_before_a_version_was_retired_is_not_stored_after_it(
    house: House,
) -> None:
    """A process that was slow to store its key makes another."""
    made(house, "earlier")
    transit = house.transit(CHECKPOINT_KEY, CHECKPOINTS)
    slow = Slow(
        vault=transit.vault,
        name=transit.name,
        identity=transit.identity,
        late=transit.make(b"thread:one"),
    )
    house.keeper.rotate()
    house.keeper.retire()
    assert CheckpointKeys(house.ledger, slow).make("one") is None
    assert house.keys.of("one") == []
    assert version_of(made(house, "one").wrapped) == 2


def test_a_forgotten_thread_gets_no_key_again(house: House) -> None:
    """Its name stays taken; the ledger says who did it; the others' keys are as they were."""
    made(house, "one")
    other = made(house, "two")
    assert house.keeper.forget("one", "clerk") == 1
    for use in (house.keys.of, house.keys.make):
        with pytest.raises(Forgotten, match="thread 'one' was forgotten"):
            use("one")
    with pytest.raises(CheckpointError, match="was forgotten before"):
        house.keeper.forget("one", "clerk")
    assert house.keys.of("two") == [other]
    (record,) = house.ledger.records("one")
    assert (record.kind, record.body) == ("checkpoints.forgotten", {"by": "clerk", "keys": 1})


def test_a_shared_key_cannot_be_forgotten_for_one_thread(house: House) -> None:
    """The others need it."""
    made(house, None)
    with pytest.raises(CheckpointError, match="shares its key with all threads"):
        house.keeper.forget("one", "clerk")
