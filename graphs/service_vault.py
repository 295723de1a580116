"""Owns the way of a command to Vault that needs no agents and no shop."""

from collections.abc import Generator
from contextlib import closing, contextmanager

from bailiwick.graphs.logins import read_logins
from bailiwick.graphs.registries import find_registry
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.vault import Vault


@contextmanager
def open_service_vault(settings: Settings) -> Generator[Vault]:
    """Open the Vault that the settings name.

    None is started where they name none: one that is new knows no lease and holds no key.

    Raises:
        SettingsError: If its address or the logins are not set.
        VaultError: If it is not there, with the remedy.
    """
    if settings.vault_addr is None:
        raise SettingsError(
            "VAULT_ADDR is not set: name the Vault that holds what the ledger speaks of, or the "
            "one that `bailiwick vault dev` runs"
        )
    vault = Vault(
        settings.vault_addr,
        logins=read_logins(settings, find_registry(settings)),
        verify=settings.vault_verify,
        production=settings.env == "production",
        namespace=settings.vault_namespace,
    )
    with closing(vault):
        vault.ping()
        yield vault
