"""What the tests of sessions stand on: a Vault whose time and theirs can be moved apart."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import LoginMethod

REFUND = Scope(path="payments/refund")

Connect = Callable[[Mapping[str, LoginMethod]], Vault]


class Clock:
    """Be a monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def connect(vault_server: tuple[str, str], clock: Clock) -> Iterator[Connect]:
    """Give what opens connections by that clock; they are closed at the end."""
    with ExitStack() as opened:

        def open_vault(methods: Mapping[str, LoginMethod]) -> Vault:
            vault = Vault(vault_server[0], approles=methods, timeout=(0.5, 0.5), clock=clock)
            return opened.enter_context(vault)

        yield open_vault


def lease_refund(vault: Vault) -> Lease:
    """Lease what the refund tool needs, as `billing`."""
    return vault.lease(REFUND, agent="billing", tool="issue_refund", meta={})


def count(devvault: DevelopmentVault, path: str) -> int:
    """Return how often a path was asked for."""
    return [exchange.path for exchange in devvault.requests].count(path)
