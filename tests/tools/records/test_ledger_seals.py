"""The ledger sealed: what was sealed cannot go without being missed."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import text
from tests.sealed import House, moved, open_house

from bailiwick.policies.errors import LedgerError, VaultError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.records.ledger_seals import public_key, seal, verify_seals
from bailiwick.tools.records.seals import PublicKeys, Seal, from_pem


@pytest.fixture(scope="module")
def vault_house() -> Iterator[House]:
    """A Vault with the services of the house."""
    with DevelopmentVault() as devvault, open_house(devvault, "sqlite://") as opened:
        yield opened


@pytest.fixture
def house(vault_house: House, database_url: str) -> Iterator[House]:
    """The Vault, and an empty ledger."""
    with moved(vault_house, database_url) as opened:
        yield opened


def write(ledger: Ledger, thread: str, *, records: int = 1) -> None:
    """Append to a thread's chain."""
    with ledger.transaction() as connection:
        ledger.append(connection, thread, *[Entry("request", {"n": n}) for n in range(records)])


def tamper(house: House, *statements: str) -> None:
    """Change the database behind the ledger's back."""
    with house.ledger.transaction() as connection:
        for statement in statements:
            connection.execute(text(statement))


def keys(house: House) -> PublicKeys:
    """Return the public keys as somebody has kept them."""
    return from_pem(public_key(house.signer).encode())


@pytest.fixture
def sealed(house: House) -> Seal:
    """Two threads of three and two records, sealed; then one more record, and a third thread."""
    write(house.ledger, "one", records=3)
    write(house.ledger, "two", records=2)
    made = seal(house.ledger, house.signer)
    write(house.ledger, "one")
    write(house.ledger, "three")
    return made


def test_an_empty_ledger_is_not_sealed(house: House) -> None:
    """And without seals there is nothing to check, unless somebody expects one."""
    with pytest.raises(LedgerError, match="there is no record to seal"):
        seal(house.ledger, house.signer)
    found = verify_seals(house.ledger)
    assert (found.seals, found.last, found.is_signed) == (0, None, False)
    with pytest.raises(LedgerError, match="the ledger has no seal"):
        verify_seals(house.ledger, keys(house))


def test_a_seal_states_what_the_ledger_held(house: House, sealed: Seal) -> None:
    """What is written later does it no harm."""
    assert (sealed.statement.number, sealed.statement.threads) == (1, 2)
    assert sealed.statement.records == 5
    found = verify_seals(house.ledger, keys(house), [sealed])
    assert (found.seals, found.last, found.is_signed) == (1, sealed, True)
    assert not verify_seals(house.ledger).is_signed


def test_seals_follow_one_another(house: House, sealed: Seal) -> None:
    """The second states everything, also what has not changed."""
    second = seal(house.ledger, house.signer)
    third = seal(house.ledger, house.signer)
    assert second.statement.previous == sealed.hash
    assert (second.statement.threads, second.statement.records) == (3, 7)
    assert third.statement.root == second.statement.root
    assert verify_seals(house.ledger, keys(house), [sealed, second]).last == third


CUTS = {
    "the end of a chain": (
        ["DELETE FROM records WHERE thread = 'one' AND seq >= 2"],
        "thread 'one' was cut off .*: records 2 to 3 are missing",
    ),
    "a whole thread": (
        ["DELETE FROM records WHERE thread = 'two'"],
        "thread 'two' was removed with its 2 records",
    ),
    "everything": (["DELETE FROM records"], "was removed with its"),
    "a thread and what the seal knows of it": (
        [
            "DELETE FROM records WHERE thread = 'two'",
            "DELETE FROM sealed_heads WHERE thread = 'two'",
        ],
        "threads were removed together with what the ledger knew of them",
    ),
    "an end and what the seal knows of it": (
        [
            "DELETE FROM records WHERE thread = 'one' AND seq >= 2",
            "UPDATE sealed_heads SET seq = 1 WHERE thread = 'one'",
            "UPDATE sealed_heads SET hash = (SELECT r.hash FROM records r "  # noqa: ISC004 - one
            "WHERE r.thread = 'one' AND r.seq = 1) WHERE thread = 'one'",
        ],
        "threads were removed together|the list was changed",
    ),
    "all the seal knows": (["DELETE FROM sealed_heads"], "the list was changed"),
    "the root": (
        ["UPDATE seals SET statement = replace(statement, '5', '3')"],
        "the signature of seal 1 is not good",
    ),
    "the signature": (["UPDATE seals SET signature = 'AAAA'"], "signature of seal 1 is not good"),
    "the key": (["UPDATE seals SET key = 'other'"], "signed with another key"),
    "the statement": (["UPDATE seals SET statement = 'x'"], "seal 1 was changed: it cannot be"),
    "all seals": (["DELETE FROM sealed_heads", "DELETE FROM seals"], "the ledger has no seal"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_what_was_sealed_and_is_missing_is_found(house: House, sealed: Seal, cut: str) -> None:
    """And named."""
    public, (statements, said) = keys(house), CUTS[cut]
    assert sealed.is_signed(public)
    tamper(house, *statements)
    with pytest.raises(LedgerError, match=said):
        verify_seals(house.ledger, public)


def test_the_chain_alone_misses_what_the_seal_finds(house: House, sealed: Seal) -> None:
    """So that the tests before tell something."""
    tamper(house, "DELETE FROM records WHERE thread = 'one' AND seq >= 2")
    assert sealed.statement.records == 5
    assert house.ledger.verify().is_sound


def test_a_rewritten_chain_is_found(house: House, sealed: Seal) -> None:
    """It holds in itself, and is another than the one sealed."""
    assert sealed.statement.records == 5
    tamper(house, "DELETE FROM records WHERE thread = 'two'")
    write(house.ledger, "two", records=3)
    assert house.ledger.verify().is_sound
    with pytest.raises(LedgerError, match="thread 'two' was rewritten after it was sealed"):
        verify_seals(house.ledger, keys(house))


def test_what_is_missing_is_not_sealed_over(house: House, sealed: Seal) -> None:
    """A new seal does not make it good."""
    assert sealed.statement.records == 5
    tamper(house, "DELETE FROM records WHERE thread = 'two'")
    with pytest.raises(LedgerError, match="thread 'two' was removed"):
        seal(house.ledger, house.signer)


def test_the_last_seal_removed_with_what_it_sealed_only_a_seal_kept_elsewhere_tells(
    house: House, sealed: Seal
) -> None:
    """The ledger then is what it was before: that it was more once, it does not know."""
    second = seal(house.ledger, house.signer)
    tamper(
        house,
        "DELETE FROM sealed_heads WHERE seal = 2",
        "DELETE FROM seals WHERE number = 2",
        "DELETE FROM records WHERE thread = 'three'",
        "DELETE FROM records WHERE thread = 'one' AND seq = 4",
    )
    public = keys(house)
    assert verify_seals(house.ledger, public, [sealed]).last == sealed
    with pytest.raises(LedgerError, match=r"seal 2 of .*, kept elsewhere, is not in the ledger"):
        verify_seals(house.ledger, public, [sealed, second])


def test_a_seal_made_anew_is_not_the_one_kept_elsewhere(house: House, sealed: Seal) -> None:
    """Whoever can write the database and use the key cannot take back what was printed."""
    tamper(house, "DELETE FROM sealed_heads", "DELETE FROM seals", "DELETE FROM records")
    write(house.ledger, "one", records=3)
    seal(house.ledger, house.signer)
    public = keys(house)
    verify_seals(house.ledger, public)
    with pytest.raises(LedgerError, match="kept elsewhere, is not the one in the ledger"):
        verify_seals(house.ledger, public, [sealed])
    forged = sealed.model_copy(update={"signature": "AAAA"})
    with pytest.raises(LedgerError, match="is not signed with the key given"):
        verify_seals(house.ledger, public, [forged])


def test_a_new_version_of_the_key_signs_what_comes(house: House, sealed: Seal) -> None:
    """What the older has signed is part of it, also for whoever has the new one alone."""
    house.operator.write(f"transit/keys/{house.signer.name}/rotate")
    second = seal(house.ledger, house.signer)
    both = keys(house)
    assert sealed.key != second.key
    assert verify_seals(house.ledger, both).is_signed
    assert verify_seals(house.ledger, {second.key: both[second.key]}).is_signed
    with pytest.raises(LedgerError, match="seal 2 was signed with another key"):
        verify_seals(house.ledger, {sealed.key: both[sealed.key]})


def test_without_vault_nothing_is_sealed_and_everything_checked(house: House, sealed: Seal) -> None:
    """The public key is enough."""
    public = keys(house)
    house.devvault.seal()
    try:
        with pytest.raises(VaultError, match="is sealed"):
            seal(house.ledger, house.signer)
        assert verify_seals(house.ledger, public).last == sealed
    finally:
        house.devvault.unseal()


def test_sealing_and_checking_while_others_write(house: House, database_url: str) -> None:
    """Each seal is of one moment: none ever disagrees with the ledger."""
    write(house.ledger, "writer-0")
    stopped, failures = threading.Event(), list[BaseException]()

    def append(number: int) -> None:
        with closing(Ledger(database_url)) as ledger:
            for round_ in range(1000):
                if stopped.is_set():
                    return
                write(ledger, f"writer-{number}", records=3)
                write(ledger, f"writer-{number}-{round_}")

    def check() -> None:
        try:
            while not stopped.is_set():
                verify_seals(house.ledger)
        except LedgerError as error:
            failures.append(error)

    threads = [threading.Thread(target=append, args=(n,)) for n in range(2)]
    threads.append(threading.Thread(target=check))
    for thread in threads:
        thread.start()
    try:
        made = [seal(house.ledger, house.signer) for _ in range(8)]
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert verify_seals(house.ledger, keys(house), made).seals == 8
    assert made[-1].statement.records > made[0].statement.records


def test_of_two_who_seal_at_once_both_are_in_order(house: House, sealed: Seal) -> None:
    """One may be told to do it again; none is lost, none is there twice."""
    outcomes: list[object] = []

    def once() -> None:
        try:
            outcomes.append(seal(house.ledger, house.signer))
        except LedgerError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [each for each in outcomes if isinstance(each, Seal)]
    told = [each for each in outcomes if isinstance(each, str)]
    assert made
    assert all("somebody else has sealed the ledger at the same time" in each for each in told)
    assert verify_seals(house.ledger, keys(house), [sealed, *made]).seals == 1 + len(made)
