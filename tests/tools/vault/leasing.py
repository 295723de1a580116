"""Owns what connections to Vault are tried with: a refund to lease, and a clock moved by hand."""

from collections.abc import Callable, Mapping

from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import AgentIdentity, Registry, ToolScope
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import LoginMethod

REFUND = Scope(path="payments/refund")
SECRET = "refund-secret-7f3a"
ROLE = "bailiwick-issue_refund"
LOGIN, RENEW = "auth/approle/login", "auth/token/renew-self"
REGISTRY = Registry(
    agents=(
        AgentIdentity(name="billing", tools=(ToolScope(tool="issue_refund", scope=REFUND),)),
        AgentIdentity(name="orders"),
    )
)

Connect = Callable[[Mapping[str, LoginMethod]], Vault]


class Clock:
    """Be a monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def lease_refund(vault: Vault) -> Lease:
    """Lease what the refund tool needs, as `billing`."""
    return vault.lease(REFUND, agent="billing", tool="issue_refund", meta={})


def count(devvault: DevelopmentVault, path: str) -> int:
    """Return how often a path was asked for."""
    return [exchange.path for exchange in devvault.requests].count(path)
