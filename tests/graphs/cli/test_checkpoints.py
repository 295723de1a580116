"""`bailiwick checkpoints`: keys wrapped anew and destroyed, and what is said on the way."""

import io
import re
from contextlib import closing
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command, flat

from bailiwick.graphs.surroundings import Surroundings
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.devvault.faults import Fault
from bailiwick.tools.keys.checkpoint_keys import CheckpointKeys
from bailiwick.tools.keys.transit import Transit
from bailiwick.tools.provision.services import CHECKPOINT_KEY, CHECKPOINTS
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault


@pytest.fixture
def devvault(home: Path, surroundings: Surroundings) -> DevelopmentVault:
    """A Vault that the settings name, and the keys of two threads."""
    with Vault(surroundings.vault_address, logins=surroundings.logins) as vault:
        make_keys(home, vault)
    assert surroundings.vault is not None
    return surroundings.vault


def make_keys(home: Path, vault: Vault) -> None:
    """Put a ledger there with keys of two threads."""
    with closing(Ledger(f"sqlite:///{home / 'bailiwick.db'}")) as ledger:
        transit = Transit(vault=vault, name=CHECKPOINT_KEY, identity=CHECKPOINTS.identity)
        for thread in ("one", "two"):
            CheckpointKeys(ledger, transit).make(thread)


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Type an answer."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("command", [("rekey",), ("forget", "one", "--yes")])
def test_without_the_vault_that_wrapped_them_nothing_is_done(
    bailiwick: Command, command: tuple[str, ...]
) -> None:
    """A development Vault started for the command knows none of the keys."""
    outcome = bailiwick("checkpoints", *command)
    assert outcome.status == 1
    assert "VAULT_ADDR is not set" in outcome.err


@pytest.mark.usefixtures("devvault")
def test_rekeying_says_how_many_keys_were_wrapped_anew(bailiwick: Command) -> None:
    """None where nothing is old."""
    first = bailiwick("checkpoints", "rekey")
    rotated = bailiwick("checkpoints", "rekey", "--rotate")
    retired = bailiwick("checkpoints", "rekey", "--rotate", "--retire", "--yes")
    assert first.out == "rekeyed: 0 key(s) are now wrapped by version 1\n"
    assert rotated.out == "rekeyed: 2 key(s) are now wrapped by version 2\n"
    assert "2 key(s) are now wrapped by version 3" in retired.out
    assert "back the ledger's database up again" in retired.out.replace("\n", " ")


@pytest.mark.parametrize("said", ["", "\n", "n\n"], ids=repr)
def test_no_version_is_retired_unless_somebody_says_yes(
    bailiwick: Command, devvault: DevelopmentVault, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Other ledgers may need it, and Vault is named; nothing was rotated either."""
    answer(monkeypatch, said)
    outcome = bailiwick("checkpoints", "rekey", "--rotate", "--retire")
    assert outcome.status == 1
    told = outcome.out.replace("\n", " ")
    assert "Every other ledger loses its checkpoints if it uses the Vault at" in told
    assert devvault.address in told
    assert "nothing was destroyed" in outcome.err
    assert "wrapped by version 1" in bailiwick("checkpoints", "rekey").out


@pytest.mark.usefixtures("devvault")
def test_versions_are_retired_once_somebody_said_yes(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other ledgers can be rekeyed between rotating and retiring."""
    assert bailiwick("checkpoints", "rekey", "--rotate").status == 0
    answer(monkeypatch, "y\n")
    outcome = bailiwick("checkpoints", "rekey", "--retire")
    assert outcome.status == 0
    told = outcome.out.replace("\n", " ")
    assert "that was not rekeyed since Vault's key was rotated last loses its checkpoints" in told
    assert "Versions before 2 are destroyed" in told


@pytest.mark.usefixtures("devvault")
@pytest.mark.parametrize("flags", [(), ("--yes",)], ids=["asked", "unasked"])
def test_a_ledger_that_lies_there_by_chance_retires_nothing(
    bailiwick: Command, home: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    """What the other ledger's keys are wrapped by stays, and is not rotated."""
    url = f"sqlite:///{home / 'other.db'}"
    Ledger(url).close()
    monkeypatch.setenv("BAILIWICK_DATABASE_URL", url)
    outcome = bailiwick("checkpoints", "rekey", "--rotate", "--retire", *flags)
    assert (outcome.status, outcome.out) == (1, "")
    assert "this ledger never had a key" in outcome.err
    assert "set BAILIWICK_DATABASE_URL" in outcome.err
    assert "wrapped by version 1" in bailiwick("checkpoints", "rekey").out


@pytest.mark.usefixtures("devvault")
@pytest.mark.parametrize("said", ["", "\n", "n\n", "what?\n"], ids=repr)
def test_a_thread_is_not_forgotten_unless_somebody_says_yes(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """It cannot be taken back."""
    answer(monkeypatch, said)
    outcome = bailiwick("checkpoints", "forget", "one")
    assert outcome.status == 1
    assert "can never be read again" in outcome.out
    assert "Every other ledger loses its checkpoints if it uses the Vault at" in outcome.out
    assert "nothing was destroyed" in outcome.err
    assert "2 key(s)" in bailiwick("checkpoints", "rekey", "--rotate").out


@pytest.mark.usefixtures("devvault")
def test_a_thread_is_forgotten_once(bailiwick: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other keys are wrapped anew; the ledger tells of it."""
    answer(monkeypatch, "yes\n")
    outcome = bailiwick("checkpoints", "forget", "one")
    assert outcome.status == 0
    assert "thread one is forgotten: 1 key(s) destroyed" in outcome.out
    assert "The other 1 key(s) are wrapped anew" in outcome.out
    assert "was forgotten before" in bailiwick("checkpoints", "forget", "one", "--yes").err
    shown = bailiwick("audit", "show", "--thread", "one").out
    assert "destroys the key of the checkpoints" in shown


@pytest.mark.usefixtures("devvault")
def test_what_waits_in_a_forgotten_thread_is_over(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked any more, and delivering ends there once, in a sentence."""
    monkeypatch.setenv("BAILIWICK_ENCRYPT", "transit")
    answer(monkeypatch, "later\n")
    (thread,) = set(re.findall("run-[0-9a-f]+", bailiwick("run", "Refund order A-1001").out))
    assert thread in bailiwick("approvals", "ls").out

    assert bailiwick("checkpoints", "forget", thread, "--yes").status == 0

    assert bailiwick("approvals", "ls").out == "Nothing waits for an answer.\n"
    delivered = bailiwick("approvals", "deliver")
    assert delivered.out == f"thread {thread} needs nothing more: it was forgotten\n"
    assert delivered.status == 0
    assert bailiwick("approvals", "deliver").out == "Nothing waits to go on.\n"


@pytest.mark.usefixtures("devvault")
def test_a_thread_without_a_key_is_told(bailiwick: Command) -> None:
    """Before anything is asked: it may be misspelt."""
    outcome = bailiwick("checkpoints", "forget", "three")
    assert (outcome.status, outcome.out) == (1, "")
    assert "thread 'three' has no key of its own to destroy" in outcome.err


def test_what_is_left_to_do_is_told_where_vault_fails_halfway(
    bailiwick: Command, devvault: DevelopmentVault
) -> None:
    """The key is destroyed here, and still wrapped in backups."""
    devvault.faults.add(Fault(path="transit/keys/*/rotate", status=500))
    outcome = bailiwick("checkpoints", "forget", "one", "--yes")
    assert outcome.status == 1
    assert "is destroyed here, but backups of the ledger's database still hold it" in outcome.err
    assert "`bailiwick checkpoints rekey --rotate --retire`" in outcome.err
    assert bailiwick("checkpoints", "rekey", "--rotate", "--retire", "--yes").status == 0


def test_a_key_that_another_vault_wrapped_is_told(
    bailiwick: Command, devvault: DevelopmentVault, home: Path
) -> None:
    """It is lost, the others are not; and none is retired."""
    url = f"sqlite:///{home / 'bailiwick.db'}"
    with closing(Ledger(url)) as ledger, ledger.transaction() as connection:
        connection.exec_driver_sql(
            "UPDATE checkpoint_keys SET wrapped = 'vault:v1:AAAA' WHERE thread = 'two'"
        )
    assert devvault.address
    outcome = bailiwick("checkpoints", "rekey", "--rotate")
    assert outcome.status == 1
    assert "1 key(s) are now wrapped by version 2" in outcome.out
    assert "the key of thread two cannot be unwrapped: it is lost" in outcome.out
    refused = bailiwick("checkpoints", "rekey", "--retire", "--yes")
    assert "no version was retired" in refused.err


def test_a_sealed_vault_is_told_before_anything_is_asked(
    bailiwick: Command, devvault: DevelopmentVault
) -> None:
    """Nothing was destroyed."""
    devvault.seal()
    outcome = bailiwick("checkpoints", "forget", "one")
    assert outcome.status == 1
    assert outcome.out == ""
    assert "is sealed or not active: unseal it" in outcome.err
    devvault.unseal()
    assert "2 key(s)" in bailiwick("checkpoints", "rekey", "--rotate").out


def test_nothing_is_sealed_with_the_keys_of_a_vault_that_stops(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """The Vault that a run starts for itself is gone with the run, and nobody could read on."""
    monkeypatch.setenv("BAILIWICK_ENCRYPT", "transit")
    outcome = bailiwick("run", "Where is order A-1001?")
    assert outcome.status == 1
    assert "BAILIWICK_ENCRYPT is set and VAULT_ADDR is not" in flat(outcome.err)
    assert not list(home.glob("*.checkpoints.db"))


@pytest.mark.usefixtures("devvault")
def test_what_is_sealed_is_told_to_be(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, surroundings: Surroundings
) -> None:
    """Where nobody says that it is to be opened."""
    monkeypatch.setenv("BAILIWICK_ENCRYPT", "transit")
    monkeypatch.setenv("VAULT_ADDR", surroundings.vault_address)
    outcome = bailiwick("run", "Where is order A-1001?")
    assert outcome.status == 0
    assert "desk lamp" in outcome.out
    thread = outcome.out.rpartition("--thread ")[2].strip()
    monkeypatch.delenv("BAILIWICK_ENCRYPT")
    opened = bailiwick("run", "And A-1002?", "--thread", thread)
    assert "these checkpoints are sealed: set BAILIWICK_ENCRYPT=transit" in opened.err


def test_a_vault_that_is_not_there_is_told_before_a_run(
    bailiwick: Command, devvault: DevelopmentVault, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """And nothing is kept in the clear in its place."""
    monkeypatch.setenv("BAILIWICK_ENCRYPT", "transit")
    devvault.seal()
    outcome = bailiwick("run", "Where is order A-1001?")
    assert outcome.status == 1
    assert "is sealed or not active: unseal it" in outcome.err
    assert not (home / "bailiwick.checkpoints.db").exists()
