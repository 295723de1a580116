"""Owns what the tests of revocations share: a Vault for one agent, and processes that lease."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from tests.tools.leases.one_tool import set_up_for
from tests.tools.leases.revocations.leased import CALL, SCOPE, SECRET

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole


@pytest.fixture
def approles(devvault: DevelopmentVault) -> Mapping[str, AppRole]:
    """Set Vault up for one agent with one tool, and for the sweeper."""
    return set_up_for(devvault, CALL, SCOPE, SECRET)


@pytest.fixture
def connect(
    devvault: DevelopmentVault, approles: Mapping[str, AppRole], ledger: Ledger
) -> Iterator[Callable[..., tuple[Vault, Revocations]]]:
    """Return a function that starts a process: a connection of its own, and its revocations."""
    opened: list[Vault] = []

    def start(*, without: str = "") -> tuple[Vault, Revocations]:
        known = {name: login for name, login in approles.items() if name != without}
        vault = Vault(devvault.address, logins=known, timeout=(5, 5))
        opened.append(vault)
        return vault, Revocations(ledger, vault)

    yield start
    for vault in opened:
        vault.close()
