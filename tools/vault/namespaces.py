"""Owns the namespace of Vault that requests are made in, and which Vaults have any.

Vault Enterprise has them, and OpenBao from 2.3 on: https://openbao.org/docs/concepts/namespaces/.
Vault's Community Edition has none, and is not trusted to refuse the header that names one.
"""

import re
from collections.abc import Mapping

from bailiwick.policies.errors import SettingsError

_ROOT = ("", "root")
_PATH = re.compile(r"[!-.0-~]+(/[!-.0-~]+)*")
_ENTERPRISE = "+ent"


def checked_namespace(namespace: str | None) -> str:
    """Return a namespace's path without slashes around it, empty for the root.

    Raises:
        SettingsError: If it is no path of a namespace.
    """
    path = (namespace or "").strip("/")
    if path in _ROOT:
        return ""
    if not _PATH.fullmatch(path):
        raise SettingsError(
            f"{namespace!r} is no path of a namespace, such as team/desk: set VAULT_NAMESPACE to "
            "one, or leave it out"
        )
    return path


def has_namespaces(health: Mapping[str, object]) -> bool:
    """Tell whether a Vault has namespaces, by what it says of its health."""
    is_enterprise = health.get("enterprise")
    if isinstance(is_enterprise, bool):
        return is_enterprise
    # Vault before 1.16 does not say it, and OpenBao, which began with 2.0, never does.
    version = str(health.get("version", ""))
    return _ENTERPRISE in version or not version.startswith(("0.", "1."))
