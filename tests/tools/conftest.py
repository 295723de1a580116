"""Vaults to test against, a real one where its address is given; a ledger on each database."""

import os
from collections.abc import Iterator, Mapping

import pytest
from tests.conftest import VAULT
from tests.tools.governed import load_policy

from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.provision import ToolScope, VaultOperator, provision, write_secret
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for any Vault against a real one too, where `--vault` says so."""
    if "vault_server" in metafunc.fixturenames:
        # Who also asks for the development Vault strikes it, or counts what it was asked.
        is_any = "devvault" not in metafunc.fixturenames and metafunc.config.getoption(VAULT)
        servers = ["development", "real"] if is_any else ["development"]
        metafunc.parametrize("vault_server", servers, indirect=True)


@pytest.fixture(scope="session")
def running_devvault() -> Iterator[DevelopmentVault]:
    """A development Vault that runs all the while: starting and stopping takes its time."""
    with DevelopmentVault() as running:
        yield running


@pytest.fixture
def devvault(running_devvault: DevelopmentVault) -> DevelopmentVault:
    """A fresh development Vault that is running."""
    running_devvault.reset()
    return running_devvault.start()


@pytest.fixture
def vault_server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The address of a Vault and a token that may do everything there."""
    if request.param == "real":
        return os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]
    devvault: DevelopmentVault = request.getfixturevalue("devvault")
    return devvault.address, devvault.root_token


@pytest.fixture
def vault_operator(vault_server: tuple[str, str]) -> Iterator[VaultOperator]:
    """An operator's connection."""
    operator = VaultOperator(*vault_server)
    yield operator
    operator.close()


@pytest.fixture
def vault_approles(vault_operator: VaultOperator) -> Mapping[str, AppRole]:
    """Two agents with a tool each: `billing` refunds, `orders` looks up; both secrets written."""
    refund, lookup = Scope(path="payments/refund"), Scope(path="orders/read", ttl=30)
    write_secret(vault_operator, refund, {"key": "refund-secret-7f3a"})
    write_secret(vault_operator, lookup, {"key": "orders-secret-2b9c", "user": "desk"})
    return provision(
        vault_operator,
        agents={
            "billing": [ToolScope(tool="issue_refund", scope=refund)],
            "orders": [ToolScope(tool="find_order", scope=lookup)],
        },
    )


@pytest.fixture
def vault(vault_server: tuple[str, str], vault_approles: Mapping[str, AppRole]) -> Iterator[Vault]:
    """A client of that Vault for both agents."""
    with Vault(vault_server[0], logins=vault_approles, timeout=(5, 5)) as connected:
        yield connected


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """Give an empty ledger on each kind of database."""
    opened = Ledger(database_url)
    yield opened
    opened.close()


@pytest.fixture
def approvals(ledger: Ledger) -> Approvals:
    """Give the approvals of that ledger."""
    return Approvals(ledger)


@pytest.fixture
def guard(ledger: Ledger) -> Guard:
    """Give a guard of that ledger, without a vault."""
    return Guard(policy=load_policy(), ledger=ledger)
