"""Owns which agents and services the command line sets Vault up for."""

import importlib
import sys
from pathlib import Path

from bailiwick.agents import refund_desk
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.provision import PlatformLogin, Registry, VaultOperator
from bailiwick.tools.shop.tools import create_shop_tools


def find_registry(named: str | None) -> Registry:
    """Return the registry with a name such as `desk.agents:REGISTRY`, or the refund desk's.

    Raises:
        SettingsError: If there is none of this name.
    """
    if named is None:
        # Of the shop's tools only the declarations are looked at.
        with create_shop_tools("http://127.0.0.1") as tools:
            return refund_desk.registry(tools)
    module, _, name = named.partition(":")
    # As Python does for a script: a desk of one's own is mostly not installed.
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise SettingsError(
            f"--registry {named!r} cannot be imported ({error.name or error}): write MODULE:NAME"
        ) from None
    finally:
        sys.path.remove(str(Path.cwd()))
    if not isinstance(found, Registry):
        raise SettingsError(
            f"--registry {named!r} is no Registry: make one of bailiwick.tools.provision"
        )
    return found


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
