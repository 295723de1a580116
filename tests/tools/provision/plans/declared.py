"""Owns the desk that is declared, where it stands in Vault, and what is read of a plan."""

from collections.abc import Mapping

from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision import (
    AgentIdentity,
    PathRule,
    Plan,
    Registry,
    Service,
    ToolScope,
    TransitKey,
    VaultOperator,
)
from bailiwick.tools.provision.steps import Step

REFUND = ToolScope(tool="issue_refund", scope=Scope(path="payments/refund", ttl=45))
BILLING = AgentIdentity(
    name="billing", tools=(REFUND,), owner="finance", purpose="Pays refunds back."
)
SEALING = Service(
    name="sealing",
    owner="platform",
    purpose="Seals what is kept.",
    rules={"transit/datakey/plaintext/bailiwick-test": PathRule(("update",))},
    keys=(TransitKey(name="bailiwick-test"),),
)
DESK = Registry(agents=(BILLING,), services=(SEALING,))
POLICY, ROLE = "sys/policies/acl/bailiwick-issue_refund", "auth/token/roles/bailiwick-issue_refund"
APPROLE, ENTITY = "auth/approle/role/bailiwick-billing", "identity/entity/name/bailiwick-billing"


def pending(plan: Plan) -> list[tuple[str, str, str]]:
    """Return what a plan would do, in short."""
    return [(step.action, step.kind, step.name) for step in plan.pending]


def step(plan: Plan, kind: str, name: str) -> Step:
    """Return the step about one thing."""
    (found,) = [each for each in plan.steps if (each.kind, each.name) == (kind, name)]
    return found


def fields(operator: VaultOperator, path: str) -> Mapping[str, object]:
    """Return what stands at a path."""
    found = operator.fields(path)
    assert found is not None
    return found
