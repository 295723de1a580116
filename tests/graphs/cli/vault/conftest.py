"""Owns what the tests of `bailiwick vault` share: a Vault that is not set up, and an operator."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.graphs.cli.vault.parcels import BROKEN, DESK, GONE

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import VaultOperator


@pytest.fixture(scope="module")
def running() -> Iterator[DevelopmentVault]:
    """A development Vault that is not set up."""
    with DevelopmentVault() as devvault:
        yield devvault


@pytest.fixture
def devvault(
    running: DevelopmentVault, home: Path, monkeypatch: pytest.MonkeyPatch
) -> DevelopmentVault:
    """The same, fresh, as the Vault that the settings name; and a desk of one's own."""
    running.reset()
    monkeypatch.setenv("VAULT_ADDR", running.address)
    monkeypatch.setenv("VAULT_TOKEN", running.root_token)
    (home / "parcel_desk.py").write_text(DESK, encoding="utf-8")
    (home / "broken_desk.py").write_text(BROKEN, encoding="utf-8")
    (home / "gone_desk.py").write_text(GONE, encoding="utf-8")
    return running


@pytest.fixture
def operator(devvault: DevelopmentVault) -> Iterator[VaultOperator]:
    """An operator's connection, to look with."""
    operator = VaultOperator(devvault.address, devvault.root_token)
    yield operator
    operator.close()
