"""Owns what a process logs in to Vault with, as the settings say."""

from collections.abc import Mapping
from pathlib import Path

from bailiwick.graphs.approles import read_approles
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.provision import Registry
from bailiwick.tools.secrets.leases import identity_name
from bailiwick.tools.vault.methods import JwtLogin, LoginMethod


def read_logins(settings: Settings, registry: Registry) -> Mapping[str, LoginMethod]:
    """Return what each agent and each service logs in with, as the settings say.

    A platform's token lets in nobody who works apart: they have AppRoles.

    Args:
        settings: They name the file of AppRoles, or the platform's token.
        registry: Who logs in where the platform's token says nothing of that.

    Raises:
        SettingsError: If the file of AppRoles is not named or cannot be used.
    """
    if settings.vault_login == "approle":
        if settings.approles is None:
            raise SettingsError(
                "BAILIWICK_APPROLES is not set: name the file that `bailiwick vault bootstrap` "
                "wrote, or `bailiwick vault dev`"
            )
        return read_approles(settings.approles, production=settings.env == "production")
    mount = settings.vault_mount or settings.vault_login
    return {
        identity: JwtLogin(
            mount=mount,
            role=identity_name(identity).lower(),
            path=Path(str(settings.vault_jwt).replace("{agent}", identity)),
        )
        for identity in registry.residents
    }


def refuse_operator(settings: Settings) -> None:
    """Refuse an operator's token where agents run, in production.

    Raises:
        SettingsError: If one is set.
    """
    if settings.env == "production" and settings.vault_token is not None:
        raise SettingsError(
            "VAULT_TOKEN is an operator's and good for everything: take it away where agents run, "
            "which log in by themselves (BAILIWICK_APPROLES or BAILIWICK_VAULT_LOGIN)"
        )
