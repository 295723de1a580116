"""The way to the world: scoped tools, the guard that runs them, Vault, and the ledger."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bailiwick.tools.declared.findings import Finding
    from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
    from bailiwick.tools.guard import Guard
    from bailiwick.tools.people.approvals import Approvals
    from bailiwick.tools.people.principals import acting_as
    from bailiwick.tools.records.ledger import Ledger
    from bailiwick.tools.retries import TransientError
    from bailiwick.tools.secrets.credentials import Credential
    from bailiwick.tools.vault import Vault
    from bailiwick.tools.vault.methods import AppRole

__all__ = [
    "AppRole",
    "Approvals",
    "Credential",
    "Finding",
    "Guard",
    "Ledger",
    "ScopedTool",
    "TransientError",
    "Vault",
    "acting_as",
    "scoped_tool",
]

_HOMES = {
    "AppRole": "bailiwick.tools.vault.methods",
    "Approvals": "bailiwick.tools.people.approvals",
    "Credential": "bailiwick.tools.secrets.credentials",
    "Finding": "bailiwick.tools.declared.findings",
    "Guard": "bailiwick.tools.guard",
    "Ledger": "bailiwick.tools.records.ledger",
    "ScopedTool": "bailiwick.tools.declared.scoped",
    "TransientError": "bailiwick.tools.retries",
    "Vault": "bailiwick.tools.vault",
    "acting_as": "bailiwick.tools.people.principals",
    "scoped_tool": "bailiwick.tools.declared.scoped",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    # Late, because whoever only reads the ledger needs neither the guard nor Vault.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
