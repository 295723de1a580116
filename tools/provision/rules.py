"""Owns which paths of Vault a tool needs for what it leases."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bailiwick.policies.scopes import Scope
from bailiwick.tools.secrets.leases import REVOKE_ACCESSOR, REVOKE_LEASE, REVOKE_SELF, secret_path


@dataclass(frozen=True, slots=True)
class PathRule:
    """State what a policy allows at one path.

    Attributes:
        capabilities: Such as `read` or `update`.
        allowed_parameters: What a request may carry, and its values; nothing bounds it where empty.
    """

    capabilities: tuple[str, ...]
    allowed_parameters: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )


READ, UPDATE = PathRule(("read",)), PathRule(("update",))


def tool_rules(scope: Scope) -> dict[str, PathRule]:
    """Return what the policy of a tool with this scope allows, by path: what it leases, no more.

    Raises:
        ScopeError: If the scope cannot be used in Vault.
    """
    path = secret_path(scope)
    opened = PathRule(scope.capabilities) if scope.kind == "token" else READ
    rules = {path: opened, REVOKE_SELF: UPDATE}
    if scope.kind == "database":
        # Whoever may end leases may end anybody's: only this role's, then.
        ending = {"lease_id": (f"{path}/*",), "sync": ()}
        rules[REVOKE_LEASE] = PathRule(("update",), ending)
    return rules


def mounts(scope: Scope) -> dict[str, str]:
    """Return the engines that a scope needs, by where they are mounted."""
    match scope.kind:
        case "kv":
            return {scope.mount.strip("/"): "kv"}
        case "database" | "static":
            return {scope.mount.strip("/"): "database"}
        case "token":
            return {}


def sweeper_rules() -> dict[str, PathRule]:
    """Return what the policy of `revocations.service` allows: ending leases by their handles."""
    return dict.fromkeys((REVOKE_ACCESSOR, REVOKE_LEASE), UPDATE)


def agent_rules(roles: list[str]) -> dict[str, PathRule]:
    """Return what the policy of an agent allows: tokens through its tools' roles, and its own."""
    return {**{f"auth/token/create/{role}": UPDATE for role in roles}, **OWN_TOKEN}


OWN_TOKEN: Mapping[str, PathRule] = {
    "auth/token/lookup-self": READ,
    "auth/token/renew-self": UPDATE,
    REVOKE_SELF: UPDATE,
}
"""What every login may do with itself."""
