"""Owns what the tests of agents share: a guard, and a Vault for the tools that lease."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.tools.governed import load_policy

from bailiwick.policies import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.guard import Guard
from bailiwick.tools.provision import ToolScope, VaultOperator, provision, write_secret
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Give a guard without a vault."""
    ledger = Ledger("sqlite://")
    yield Guard(policy=load_policy(), ledger=ledger)
    ledger.close()


@pytest.fixture(scope="session")
def vault() -> Iterator[Vault]:
    """Give a Vault from which billing's tool `pay` can lease `bank/pay`."""
    scope = Scope(path="bank/pay")
    with DevelopmentVault() as server:
        with closing(VaultOperator(server.address, server.root_token)) as operator:
            write_secret(operator, scope, {"key": "bank-secret-9d1e"})
            tools = [ToolScope(tool="pay", scope=scope)]
            approles = provision(operator, agents={"billing": tools})
        with Vault(server.address, logins=approles) as vault:
            yield vault
