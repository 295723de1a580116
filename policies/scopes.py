"""Owns the scope: what one call of a tool may lease."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """State which secret a tool needs and for how long.

    Attributes:
        path: The secret's path below its KV version 2 mount, such as `payments/refund`.
        ttl: Seconds after which Vault ends the lease by itself.
        mount: The mount of the secrets engine.
    """

    path: str
    ttl: int = 60
    mount: str = "secret"
