"""The setting up of Vault: what is declared, how Vault differs, and what makes it agree."""

from bailiwick.tools.provision.declarations import (
    LASTING,
    AgentIdentity,
    LoginTerms,
    Registry,
    Service,
    ToolScope,
    TransitKey,
)
from bailiwick.tools.provision.logins import PlatformLogin
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.provision.plan import Plan, make_plan
from bailiwick.tools.provision.rules import PathRule
from bailiwick.tools.provision.services import SERVICES
from bailiwick.tools.provision.setup import provision, set_up, write_secret

__all__ = [
    "LASTING",
    "SERVICES",
    "AgentIdentity",
    "LoginTerms",
    "PathRule",
    "Plan",
    "PlatformLogin",
    "Registry",
    "Service",
    "ToolScope",
    "TransitKey",
    "VaultOperator",
    "make_plan",
    "provision",
    "set_up",
    "write_secret",
]
