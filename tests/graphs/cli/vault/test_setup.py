"""`bailiwick vault setup`: what an operator sees and agrees to."""

import json
import os
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command, flat
from tests.graphs.cli.terminals import Terminal
from tests.graphs.cli.vault.parcels import OWN

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import VaultOperator


@pytest.mark.parametrize("missing", ["VAULT_ADDR", "VAULT_TOKEN"])
def test_without_vault_or_operator_it_says_what_to_set(
    devvault: DevelopmentVault,
    bailiwick: Command,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
) -> None:
    """One sentence, and status 1."""
    assert devvault.requests == []
    monkeypatch.delenv(missing)
    for words in (("vault", "setup"), ("vault", "bootstrap")):
        outcome = bailiwick(*words)
        assert outcome.status == 1
        assert outcome.err.startswith(f"bailiwick: {missing} is not set")


def test_a_plan_is_a_difference_and_a_dry_run_changes_nothing(
    operator: VaultOperator, bailiwick: Command
) -> None:
    """What comes, with its rules and fields, and how many; and which secret is still to write."""
    outcome = bailiwick("vault", "setup", *OWN, "--dry-run")

    assert outcome.status == 0
    for line in (
        "create  policy bailiwick-book_parcel",
        '    + path "secret/data/parcels/book" {',
        "    + token_explicit_max_ttl = 30",
        "create  AppRole bailiwick-courier",
        '    + metadata = {"owner": "logistics", "capabilities": "book_parcel"',
        "7 to create, 0 to change, 0 to remove; 1 as declared",
        "book_parcel has no secret yet: `vault kv put -mount=secret parcels/book NAME=VALUE`",
    ):
        assert line in outcome.out
    assert operator.list("auth/token/roles") == []


def test_nobody_to_ask_is_no_agreement(operator: VaultOperator, bailiwick: Command) -> None:
    """A pipe cannot say yes: nothing is done without `--yes`."""
    outcome = bailiwick("vault", "setup", *OWN)

    assert outcome.status == 1
    assert "nobody is there to be asked: give it --yes, or --dry-run" in outcome.err
    assert operator.list("auth/token/roles") == []


@pytest.mark.parametrize(("answer", "roles"), [("n", []), ("y", ["bailiwick-book_parcel"])])
def test_a_person_at_a_terminal_is_asked(
    operator: VaultOperator,
    home: Path,
    clean_environment: dict[str, str],
    answer: str,
    roles: list[str],
) -> None:
    """The plan first, then the question; whoever says no has changed nothing."""
    given = {name: os.environ[name] for name in ("VAULT_ADDR", "VAULT_TOKEN")}
    with Terminal(("vault", "setup", *OWN), clean_environment | given, home) as terminal:
        assert "7 to create" in terminal.expect("Do this? [y/N]")
        terminal.type(answer)
        assert terminal.end() == 0
        assert "Traceback" not in terminal.shown

    assert operator.list("auth/token/roles") == roles


def test_a_second_run_plans_nothing(operator: VaultOperator, bailiwick: Command) -> None:
    """And asks nobody, as there is nothing to agree to."""
    assert "done" in bailiwick("vault", "setup", *OWN, "--yes").out.splitlines()

    outcome = bailiwick("vault", "setup", *OWN)

    assert outcome.status == 0
    assert outcome.out.splitlines()[0] == ("0 to create, 0 to change, 0 to remove; 8 as declared")
    assert operator.list("auth/token/roles") == ["bailiwick-book_parcel"]


def test_drift_is_shown_line_by_line(operator: VaultOperator, bailiwick: Command) -> None:
    """What somebody else wrote goes, what was declared comes back."""
    bailiwick("vault", "setup", *OWN, "--yes")
    path = "sys/policies/acl/bailiwick-book_parcel"
    text = str((operator.fields(path) or {})["policy"])
    operator.write(path, policy=text.replace("secret/data/parcels/book", "secret/*"))

    outcome = bailiwick("vault", "setup", *OWN, "--yes")

    assert '    - path "secret/*" {' in outcome.out
    assert '    + path "secret/data/parcels/book" {' in outcome.out
    assert "    ! somebody else changed it" in outcome.out
    assert (operator.fields(path) or {})["policy"] == text


def test_what_others_wrote_into_vault_cannot_act_on_the_terminal(
    operator: VaultOperator, bailiwick: Command
) -> None:
    """A policy with escape sequences and markup is shown as what it is."""
    path = "sys/policies/acl/bailiwick-book_parcel"
    operator.write(path, policy='# \x1b[2J[red]\u202e\npath "a" { capabilities = ["read"] }')

    outcome = bailiwick("vault", "setup", *OWN, "--dry-run")

    assert "\\x1b[2J[red]\\u202e" in outcome.out
    assert "\x1b[2J" not in outcome.out


def test_what_is_declared_no_more_goes_with_prune(
    operator: VaultOperator, bailiwick: Command
) -> None:
    """Without it, it stays."""
    bailiwick("vault", "setup", *OWN, "--yes")
    nobody = ("vault", "setup", "--registry", "parcel_desk:NOBODY", "--yes")
    bailiwick(*nobody)
    assert operator.list("auth/token/roles") == ["bailiwick-book_parcel"]

    outcome = bailiwick(*nobody, "--prune")

    assert "remove  AppRole bailiwick-courier" in outcome.out
    assert operator.list("auth/token/roles") == []


def test_scripts_get_the_plan_as_json(operator: VaultOperator, bailiwick: Command) -> None:
    """And whether it was applied; a question cannot be JSON."""
    assert bailiwick("vault", "setup", *OWN, "--json").status == 1
    planned = json.loads(bailiwick("vault", "setup", *OWN, "--json", "--dry-run").out)
    applied = json.loads(bailiwick("vault", "setup", *OWN, "--json", "--yes").out)
    again = json.loads(bailiwick("vault", "setup", *OWN, "--json", "--yes").out)

    assert (planned["applied"], applied["applied"], again["applied"]) == (False, True, False)
    assert planned["steps"] == applied["steps"]
    assert again["counts"] == {"create": 0, "change": 0, "keep": 8, "remove": 0}
    assert operator.list("auth/token/roles")


def test_the_refund_desk_is_set_up_where_nothing_else_is_named(
    operator: VaultOperator, bailiwick: Command
) -> None:
    """Its agents, with owner and purpose, and the services of the house."""
    assert bailiwick("vault", "setup", "--yes").status == 0

    entity = operator.fields("identity/entity/name/bailiwick-billing") or {}
    metadata = entity["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["owner"] == "refund desk"
    assert "bailiwick-ledger.service" in operator.list("auth/approle/role")


def test_a_desk_of_ones_own_is_named_once(
    operator: VaultOperator, bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is told which services it does without: what needs them would fail much later."""
    monkeypatch.setenv("BAILIWICK_REGISTRY", OWN[1])

    outcome = bailiwick("vault", "setup", "--yes")

    assert "no services are declared: nothing seals checkpoints" in flat(outcome.out)
    assert operator.list("auth/approle/role") == ["bailiwick-courier"]
    assert "courier" in json.loads(bailiwick("vault", "bootstrap").out)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("broken_desk:REGISTRY", "cannot be imported (KeyError: 'NO_SUCH_VARIABLE')"),
        ("gone_desk:REGISTRY", "cannot be imported (SystemExit: no Vault to be seen)"),
        ("parcel_desk:LOOSE", "'parcels/book' does not say what a tool may lease: write ToolScope"),
        ("parcel_desk:SHORT", "does not say what a tool may lease: write ToolScope(tool=..."),
        ("no_such_desk:REGISTRY", "cannot be imported (ModuleNotFoundError"),
        ("parcel_desk", "is none: make a Registry"),
        ("parcel_desk:BOOKING", "is none: make a Registry of bailiwick.tools.provision"),
    ],
)
def test_a_registry_that_is_none_is_refused(
    devvault: DevelopmentVault, bailiwick: Command, named: str, words: str
) -> None:
    """Before Vault is asked anything."""
    outcome = bailiwick("vault", "setup", "--registry", named)

    assert outcome.status == 1
    assert words in flat(outcome.err)
    assert devvault.requests == []
