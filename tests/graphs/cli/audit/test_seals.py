"""`bailiwick audit seal`, `key` and `verify`: what is printed, and what is told."""

import json
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command

from bailiwick.tools.records.ledger import Ledger


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("command", ["seal", "key"])
def test_the_output_is_the_seal_or_the_key_and_nothing_else(
    bailiwick: Command, ledger: Ledger, command: str
) -> None:
    """So that it can be put into a file; what is to be said stands on stderr."""
    assert ledger.has("first")
    outcome = bailiwick("audit", command)
    assert outcome.status == 0
    if command == "seal":
        assert json.loads(outcome.out)["statement"]["records"] == 5
        assert "sealed: 5 records in 2 threads, seal 1" in outcome.err
    else:
        assert outcome.out.startswith("-----BEGIN PUBLIC KEY-----\n")
        assert outcome.out.endswith("-----END PUBLIC KEY-----\n")


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("command", ["seal", "key"])
def test_without_a_vault_that_lasts_nothing_is_sealed(bailiwick: Command, command: str) -> None:
    """A seal by a key that is gone could never be checked, and would stand for good."""
    outcome = bailiwick("audit", command)

    assert outcome.status == 1
    assert "VAULT_ADDR is not set: name the Vault" in outcome.err
    assert "sealed" not in bailiwick("audit", "verify").out


@pytest.mark.usefixtures("surroundings")
def test_a_sealed_ledger_says_so_when_it_is_checked(bailiwick: Command, ledger: Ledger) -> None:
    """And that the signature was not looked at."""
    assert ledger.has("first")
    bailiwick("audit", "seal")
    out = bailiwick("audit", "verify").out.replace("\n", " ")
    assert "sound: 5 records in 2 threads" in out
    assert "sealed: 5 records in 2 threads, seal 1 of" in out
    assert "Its signature was not checked: name the public key with --key." in out


@pytest.mark.usefixtures("surroundings")
def test_a_ledger_that_is_not_there_is_not_sealed(bailiwick: Command, home: Path) -> None:
    """Nor made, also where an empty file is."""
    for _ in range(2):
        outcome = bailiwick("audit", "seal")
        assert outcome.status == 1
        assert "there is no ledger" in outcome.err
        assert not (home / "bailiwick.db").exists() or not (home / "bailiwick.db").stat().st_size
        (home / "bailiwick.db").touch()


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--key", None, "cannot be read"),
        ("--key", "x", "there is no public key"),
        ("--seal", None, "cannot be read"),
        ("--seal", "", "holds no seal"),
        ("--seal", "x", "what should be a seal is none"),
    ],
)
def test_a_file_that_is_no_key_or_seal_is_told(
    bailiwick: Command, home: Path, option: str, content: str | None, said: str
) -> None:
    """In one sentence, with what it should be."""
    if content is not None:
        (home / "file").write_text(content)
    outcome = bailiwick("audit", "verify", option, "file")
    assert outcome.status == 1
    assert said in outcome.err
    assert "'file'" in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_export_is_not_checked_against_seals(bailiwick: Command, ledger: Ledger) -> None:
    """It does not say up to where the ledger was sealed."""
    assert ledger.has("first")
    outcome = bailiwick("audit", "verify", "--export", "x", "--key", "y")
    assert outcome.status == 1
    assert "an export says nothing of seals" in outcome.err
