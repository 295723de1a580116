"""What may happen: calls, principals, the rules in Cedar, and the decisions they make."""

from bailiwick.policies.answers import Approve, Edit, EditedAction, Reject, Respond
from bailiwick.policies.calls import Effect, ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement, Verdict
from bailiwick.policies.errors import (
    ApprovalError,
    BailiwickError,
    CallError,
    LedgerError,
    PolicyError,
    ScopeError,
    SettingsError,
    VaultError,
)
from bailiwick.policies.policy import Explanation, Policy
from bailiwick.policies.principals import Principal
from bailiwick.policies.rules import Rule
from bailiwick.policies.scopes import Scope

__all__ = [
    "ApprovalError",
    "Approve",
    "BailiwickError",
    "CallError",
    "Decision",
    "Edit",
    "EditedAction",
    "Effect",
    "Explanation",
    "LedgerError",
    "Policy",
    "PolicyError",
    "Principal",
    "Reject",
    "Requirement",
    "Respond",
    "Rule",
    "Scope",
    "ScopeError",
    "SettingsError",
    "ToolCall",
    "ToolUse",
    "VaultError",
    "Verdict",
]
