"""Owns the way of a command to Vault that needs no agents and no shop."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from bailiwick.graphs.settings import Settings
from bailiwick.graphs.surroundings import read_logins, start_surroundings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.vault import Vault


@contextmanager
def open_service_vault(settings: Settings) -> Generator[Vault]:
    """Open the Vault that the settings name, or a development Vault where they name none.

    Raises:
        SettingsError: If only one of address and logins is set, or production lacks them.
        VaultError: If it is not there, with the remedy.
    """
    with ExitStack() as opened:
        address, has_logins = settings.vault_addr, settings.has_logins
        namespace = None if address is None else settings.vault_namespace
        if address is not None and has_logins:
            logins = read_logins(settings)
        elif address is None and not has_logins and settings.env == "development":
            started = opened.enter_context(start_surroundings())
            address, logins = started.vault_address, started.logins
        else:
            raise SettingsError(
                "VAULT_ADDR and BAILIWICK_APPROLES belong together: set both; `bailiwick vault "
                "dev` prints them"
            )
        vault = Vault(
            address,
            logins=logins,
            verify=settings.vault_verify,
            production=settings.env == "production",
            namespace=namespace,
        )
        opened.callback(vault.close)
        vault.ping()
        yield vault
