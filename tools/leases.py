"""Owns the lease of one tool call and the names it goes by in Vault."""

import re
from dataclasses import dataclass, field

from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.credentials import Credential

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
        token: The child token.
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


def vault_name(kind: str, name: str) -> str:
    """Return what a tool or an agent is called in Vault.

    Raises:
        ScopeError: If its name cannot stand in a path.
    """
    if not _NAME.fullmatch(name):
        raise ScopeError(f"the {kind} name {name!r} cannot be used in Vault: use A-Z a-z 0-9 _ -")
    return f"bailiwick-{name}"


def secret_path(scope: Scope) -> str:
    """Return the API path of a scope's secret, such as `secret/data/payments/refund`.

    Raises:
        ScopeError: If the scope could name more than one secret, or another than it says.
    """
    mount, path = scope.mount.strip("/"), scope.path
    if not all(_SEGMENT.fullmatch(part) for part in (*mount.split("/"), *path.split("/"))):
        raise ScopeError(
            f"the secret {scope.mount + '/' + path!r} cannot be leased: "
            "use segments of A-Z a-z 0-9 _ . @ = : - without wildcards"
        )
    if scope.ttl < 1:
        raise ScopeError(f"the secret {path!r} cannot be leased for {scope.ttl} s: use at least 1")
    return f"{mount}/data/{path}"
