"""The way to the world: scoped tools, the guard that runs them, Vault, and the ledger."""

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
