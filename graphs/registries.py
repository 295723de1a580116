"""Owns which agents and services have business with Vault: the refund desk's, or a team's own."""

import importlib
import sys
from pathlib import Path

from bailiwick.agents import refund_desk
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import BailiwickError, SettingsError
from bailiwick.tools.provision import Registry
from bailiwick.tools.shop.tools import create_shop_tools


def shipped_registry() -> Registry:
    """Return the registry of the refund desk."""
    # Of the shop's tools only the declarations are looked at.
    with create_shop_tools("http://127.0.0.1") as tools:
        return refund_desk.registry(tools)


def find_registry(settings: Settings, name: str | None = None) -> Registry:
    """Return the registry that is named, in the settings else, or the refund desk's.

    Args:
        settings: They may name one.
        name: Such as `desk.agents:REGISTRY`.

    Raises:
        SettingsError: If there is none of this name, or its module fails.
    """
    named = name or settings.registry
    if named is None:
        return shipped_registry()
    module, _, attribute = named.partition(":")
    # As Python does for a script: a desk of one's own is mostly not installed.
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except BailiwickError:
        raise
    except (Exception, SystemExit) as error:
        why = f"{type(error).__name__}: {error}"
        raise SettingsError(
            f"the registry {named!r} cannot be imported ({why}): write MODULE:NAME, or correct the "
            "module"
        ) from error
    finally:
        sys.path.remove(str(Path.cwd()))
    if not isinstance(found, Registry):
        raise SettingsError(
            f"the registry {named!r} is none: make a Registry of bailiwick.tools.provision"
        )
    return found
