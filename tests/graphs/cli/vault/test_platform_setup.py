"""`bailiwick vault setup` where agents log in by their platform's token."""

from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command

from bailiwick.tools.devvault import DevelopmentVault


@pytest.fixture(autouse=True)
def platform(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have agents log in by the token of their service account, after nothing else was set."""
    assert home.exists()
    monkeypatch.setenv("BAILIWICK_VAULT_LOGIN", "kubernetes")


def test_without_a_subject_it_says_what_to_set(
    devvault: DevelopmentVault, bailiwick: Command
) -> None:
    """A role for anybody's token is never written."""
    outcome = bailiwick("vault", "setup", "--yes")

    assert outcome.status == 1
    assert "BAILIWICK_VAULT_SUBJECT is not set" in outcome.err
    assert devvault.requests == []


def test_a_subject_that_is_no_service_account(
    devvault: DevelopmentVault, bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, with the form that it must have."""
    monkeypatch.setenv("BAILIWICK_VAULT_SUBJECT", "desk")
    outcome = bailiwick("vault", "setup", "--yes")

    assert outcome.status == 1
    assert "system:serviceaccount:NAMESPACE:NAME" in outcome.err
    assert devvault.requests == []


def test_the_roles_are_planned_written_and_kept(
    devvault: DevelopmentVault, bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run writes nothing, a second run plans nothing, and it is said what is left to do."""
    monkeypatch.setenv("BAILIWICK_VAULT_SUBJECT", "system:serviceaccount:shop:desk")
    monkeypatch.setenv("BAILIWICK_VAULT_AUDIENCE", "vault")
    planned = bailiwick("vault", "setup", "--dry-run").out
    assert "kubernetes/bailiwick-billing" in planned
    assert "vault write auth/kubernetes/config" in planned
    assert {each.method for each in devvault.requests} <= {"GET", "LIST"}

    assert bailiwick("vault", "setup", "--yes").status == 0
    assert "0 to create" in bailiwick("vault", "setup", "--dry-run").out
