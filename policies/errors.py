"""The errors that this product raises on purpose.

    BailiwickError
    ├── PolicyError        the rules cannot be used as they are written
    ├── ScopeError         a tool is declared or used outside its scope
    ├── ApprovalError      an answer cannot be taken
    ├── CallError          a recorded call cannot be settled, tried again or undone
    ├── VaultError         no credential can be had
    ├── LedgerError        the record cannot be kept or does not verify
    ├── CheckpointError    a checkpoint cannot be sealed, or not be opened
    └── SettingsError      the environment is missing something

Each message says what happened, to what, and what to do about it.
"""


class BailiwickError(Exception):
    """Stand at the root of every error that callers may want to catch."""


class PolicyError(BailiwickError):
    """Say that the policy files are missing, unreadable or invalid, naming file and line."""


class ScopeError(BailiwickError):
    """Say that a tool is declared or used outside its scope."""


class ApprovalError(BailiwickError):
    """Say that an answer to an approval request cannot be taken; the request stays open."""


class CallError(BailiwickError):
    """Say that a recorded call cannot be settled, tried again or undone as was asked."""


class VaultError(BailiwickError):
    """Say that Vault gave no credential. Never holds a response body, a token or a URL query."""


class LedgerError(BailiwickError):
    """Say that the ledger cannot be written, read or verified."""


class CheckpointError(BailiwickError):
    """Say that a checkpoint cannot be sealed, or cannot be opened as what it is taken for."""


class SettingsError(BailiwickError):
    """Say that a setting is missing or wrong."""
