"""What the tests of connections stand on: a Vault whose time and theirs can be moved apart."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest
from tests.tools.vault.leasing import Clock, Connect, lease_refund
from tests.tools.vault.renewals import look_past_earlier

from bailiwick.tools.provision import VaultOperator
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole, LoginMethod


@pytest.fixture(autouse=True)
def earlier() -> None:
    """Look past the threads of other tests' connections in this process."""
    look_past_earlier()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def connect(vault_server: tuple[str, str], clock: Clock) -> Iterator[Connect]:
    """Give what opens connections by that clock; they are closed at the end."""
    with ExitStack() as opened:

        def open_vault(methods: Mapping[str, LoginMethod]) -> Vault:
            vault = Vault(vault_server[0], logins=methods, timeout=(5, 5), clock=clock)
            return opened.enter_context(vault)

        yield open_vault


@pytest.fixture
def logged_in(connect: Connect, vault_approles: Mapping[str, AppRole]) -> Vault:
    """A connection by that clock, whose agent `billing` has logged in."""
    vault = connect(vault_approles)
    lease_refund(vault)
    return vault


@pytest.fixture
def approles_of_1300_seconds(
    vault_operator: VaultOperator, vault_approles: Mapping[str, AppRole]
) -> Mapping[str, AppRole]:
    """The same agents, of which `billing` can stay logged in for little more than one time."""
    vault_operator.write("auth/approle/role/bailiwick-billing", token_max_ttl=1300)
    return vault_approles
