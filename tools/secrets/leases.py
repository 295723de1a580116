"""Owns the lease of one tool call and the names it goes by in Vault."""

import re
from dataclasses import dataclass, field

from bailiwick.policies.calls import ToolUse
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Kind, Scope
from bailiwick.tools.secrets.credentials import Credential

SWEEPER = "revocations.service"
"""Who ends, by their handles alone, the leases of processes that are gone."""

REVOKE_SELF = "auth/token/revoke-self"
REVOKE_ACCESSOR = "auth/token/revoke-accessor"
REVOKE_LEASE = "sys/leases/revoke"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SEGMENT = re.compile(r"[\w@=:.-]*[\w@=:-][\w@=:.-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lease:
    """Hold what one tool call was given, and what ends it.

    Attributes:
        accessor: The child token's handle in Vault; it can revoke, so keep it out of sight.
        role: The token role that the child was made through.
        path: The secret's API path, as in Vault's audit.
        ttl_asked: Seconds the scope asked for.
        ttl: Seconds Vault gave.
        mint_request: The id of the request that made the child, as in Vault's audit.
        read_request: The id of the request that read the secret, as in Vault's audit.
        deadline: When the lease is over at the latest, by the clock of the `Vault` that gave it.
        credential: The secret.
        token: The child token; empty where it was wrapped and only its tool may have it.
        kind: What kind of thing was leased.
        lease_id: Vault's lease of the secret, where it has one; no secret.
        is_spent: Whether the child died of its one use: nothing is left to revoke.
        parent: The handle of the login that the child ends with.
        is_ahead: Whether the child was made before there was a call for it.
    """

    accessor: str
    role: str
    path: str
    ttl_asked: int
    ttl: int
    mint_request: str
    read_request: str
    deadline: float
    credential: Credential
    token: str = field(repr=False)
    kind: Kind = "kv"
    lease_id: str = ""
    is_spent: bool = False
    parent: str = ""
    is_ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """State for whose calls a child is made ahead, and on what ground.

    Attributes:
        agent: The agent.
        tool: The tool, in its version.
        scope: What the tool declares.
        policy_version: The version of the policy that allows such calls.
    """

    agent: str
    tool: ToolUse
    scope: Scope
    policy_version: str


def vault_name(kind: str, name: str) -> str:
    """Return what a tool or an agent is called in Vault.

    Raises:
        ScopeError: If its name cannot stand in a path.
    """
    if not _NAME.fullmatch(name):
        raise ScopeError(f"the {kind} name {name!r} cannot be used in Vault: use A-Z a-z 0-9 _ -")
    return f"bailiwick-{name}"


def identity_name(identity: str) -> str:
    """Return what an agent, or a service by its identity, is called in Vault.

    Raises:
        ScopeError: If its name cannot stand in a path.
    """
    name, dot, kind = identity.partition(".")
    if dot and kind == "service":
        return f"{vault_name('service', name)}.{kind}"
    return vault_name("agent", identity)


def secret_path(scope: Scope) -> str:
    """Return the API path that a scope opens, such as `secret/data/payments/refund`.

    Raises:
        ScopeError: If the scope could name more than one, or another than it says.
    """
    mount, path = scope.mount.strip("/"), scope.path
    parts = [*path.split("/"), *(mount.split("/") if mount or scope.kind != "token" else [])]
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        raise ScopeError(
            f"the secret {scope.mount + '/' + path!r} cannot be leased: "
            "use segments of A-Z a-z 0-9 _ . @ = : - without wildcards"
        )
    match scope.kind:
        case "kv":
            return f"{mount}/data/{path}"
        case "database":
            return f"{mount}/creds/{path}"
        case "static":
            return f"{mount}/static-creds/{path}"
        case "token":
            return path
