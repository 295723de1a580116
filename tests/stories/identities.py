"""Owns who the desk's agents are in the stories: let in once, disabled, found dead, elsewhere."""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import cast

from tests.stories.desk import Desk
from tests.stories.ground import Ground
from tests.stories.outages import operator

from bailiwick.agents.refund_desk import registry
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import VaultOperator, set_up, write_secret
from bailiwick.tools.provision.secret_ids import wrapped_login
from bailiwick.tools.shop.tools import create_shop_tools
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import LoginMethod, WrappedAppRole, WrappedSecretId

APPROLE = "auth/approle/role/bailiwick-billing"
ENTITY = "identity/entity/name/bailiwick-billing"
LOGIN, MINT = "auth/approle/login", "auth/token/create/bailiwick-issue_refund"


def let_in_once(ground: Ground) -> tuple[WrappedSecretId, Vault]:
    """Connect with a wrapped secret id for billing, as production does; nothing is opened yet."""
    with operator(ground) as root:
        wrapped = wrapped_login(root, "billing", ttl=60)
    return wrapped, with_logins(ground, {"billing": WrappedAppRole(lambda: wrapped)})


def with_logins(ground: Ground, logins: Mapping[str, LoginMethod]) -> Vault:
    """Connect to Vault with other logins than the file's."""
    return Vault(ground.surroundings.vault_address, logins=logins, timeout=(2.0, 5.0))


def steal(ground: Ground, wrapped: WrappedSecretId) -> None:
    """Open a wrapped secret id before its agent does."""
    thief = VaultOperator(ground.surroundings.vault_address, wrapped.token.get_secret_value())
    thief.write("sys/wrapping/unwrap")
    thief.close()


def kill_login(desk: Desk) -> None:
    """Revoke every token of agents that Vault knows, as an operator in a hurry does."""
    with operator(desk.ground) as root:
        for token in desk.vault.live_tokens(role=""):
            if token.path == LOGIN:
                root.write("auth/token/revoke-accessor", accessor=token.accessor)


@contextmanager
def disabled(ground: Ground) -> Generator[None]:
    """Disable the entity of billing."""
    with operator(ground) as root:
        root.write(ENTITY, disabled=True)
        try:
            yield
        finally:
            root.write(ENTITY, disabled=False)


@contextmanager
def skewed(ground: Ground, seconds: float) -> Generator[tuple[DevelopmentVault, Vault]]:
    """Give another Vault, with the same secrets, whose clock is off, and a connection to it."""
    with DevelopmentVault(clock=lambda: time.time() + seconds) as vault:
        root = VaultOperator(vault.address, vault.root_token)
        with operator(ground) as here, create_shop_tools("http://127.0.0.1") as tools:
            declared = registry(tools)
            logins = set_up(root, declared)
            for scope in declared.scopes.values():
                held = here.fields(f"{scope.mount}/data/{scope.path}") or {}
                write_secret(root, scope, cast("Mapping[str, str]", held["data"]))
        root.close()
        with Vault(vault.address, logins=logins) as connected:
            yield vault, connected


def asked(vault: DevelopmentVault, path: str) -> int:
    """Return how often a path was asked for."""
    return [exchange.path for exchange in vault.requests].count(path)
