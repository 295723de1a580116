"""Owns who sets Vault up, and what agents log in with there, as the settings say."""

from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.provision import PlatformLogin, VaultOperator


def open_operator(settings: Settings) -> VaultOperator:
    """Return the operator's connection to Vault.

    Raises:
        SettingsError: If the settings do not say where Vault is, or who the operator.
    """
    if settings.vault_addr is None or settings.vault_token is None:
        missing = "VAULT_ADDR" if settings.vault_addr is None else "VAULT_TOKEN"
        raise SettingsError(
            f"{missing} is not set: set VAULT_ADDR to the Vault and VAULT_TOKEN to a token that "
            "may write its policies, roles, entities and mounts"
        )
    return VaultOperator(
        settings.vault_addr,
        settings.vault_token.get_secret_value(),
        verify=settings.vault_verify,
        production=settings.env == "production",
        namespace=settings.vault_namespace,
    )


def find_platform(settings: Settings) -> PlatformLogin | None:
    """Return the token that agents log in with, or nothing where they have AppRoles.

    Raises:
        SettingsError: If the settings do not say whose token it is.
    """
    if settings.vault_login == "approle":
        return None
    if settings.vault_subject is None:
        raise SettingsError(
            "BAILIWICK_VAULT_SUBJECT is not set: set it to the subject of the token that agents "
            "log in with, such as system:serviceaccount:NAMESPACE:NAME"
        )
    return PlatformLogin(
        kind=settings.vault_login,
        subject=settings.vault_subject,
        mount=settings.vault_mount or "",
        audience=settings.vault_audience,
    )
