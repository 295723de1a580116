"""Owns which paths of Vault a tool needs for what it leases."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bailiwick.policies.scopes import Scope
from bailiwick.tools.leases import secret_path


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
    """Return what the policy of a tool with this scope allows, by path: its one secret.

    Raises:
        ScopeError: If the scope cannot be used in Vault.
    """
    return {secret_path(scope): READ, "auth/token/revoke-self": UPDATE}


def kv_mounts(scope: Scope) -> set[str]:
    """Return the mounts of KV version 2 that a scope reads from."""
    return {scope.mount.strip("/")}


def agent_rules(roles: list[str]) -> dict[str, PathRule]:
    """Return what the policy of an agent allows: tokens through its tools' roles, and its own."""
    return {**{f"auth/token/create/{role}": UPDATE for role in roles}, **OWN_TOKEN}


OWN_TOKEN: Mapping[str, PathRule] = {
    "auth/token/lookup-self": READ,
    "auth/token/renew-self": UPDATE,
    "auth/token/revoke-self": UPDATE,
}
"""What every login may do with itself."""
