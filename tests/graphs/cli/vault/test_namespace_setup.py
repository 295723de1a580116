"""`bailiwick vault setup` and `bootstrap` in the namespace that the settings name."""

import pytest
from tests.graphs.cli.outcomes import Command
from tests.graphs.cli.vault.parcels import OWN
from tests.tools.vault.namespaced import serve_namespaced

from bailiwick.tools.devvault import DevelopmentVault


def test_setup_and_bootstrap_write_in_it(
    devvault: DevelopmentVault, bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but health is asked for in the root."""
    monkeypatch.setenv("VAULT_NAMESPACE", "team/desk")
    with serve_namespaced(devvault) as (address, before):
        monkeypatch.setenv("VAULT_ADDR", address)
        assert bailiwick("vault", "setup", *OWN, "--yes").status == 0
        assert bailiwick("vault", "bootstrap", "--approles", "logins.json", *OWN).status == 0

    assert {path for path, named in before.asked if named != "team/desk"} == {"sys/health"}
    assert "sys/auth/approle" in {path for path, _ in before.asked}


def test_a_vault_without_namespaces_is_not_set_up(
    devvault: DevelopmentVault, bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root would be."""
    monkeypatch.setenv("VAULT_NAMESPACE", "team/desk")

    outcome = bailiwick("vault", "setup", *OWN, "--yes")

    assert outcome.status == 1
    assert "unset VAULT_NAMESPACE" in outcome.err
    assert [exchange.path for exchange in devvault.requests] == ["sys/health"]
