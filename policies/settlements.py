"""Owns who may settle a call that is in doubt, and in which words that is said."""

from collections.abc import Set as AbstractSet
from typing import Literal, TypeAlias

from bailiwick.policies.calls import Effect
from bailiwick.policies.errors import CallError
from bailiwick.policies.principals import Principal

Outcome: TypeAlias = Literal["succeeded", "failed"]
"""What a person found out: it had its effect, or nothing happened."""


def authorise_settlement(
    *, by: Principal, tool: str, effect: Effect, requester: str, roles: AbstractSet[str]
) -> None:
    """Refuse a settlement that is not this person's to make.

    Whoever settles a call says what is true of it, which counts as much as its approval: it takes
    one of the roles that approved it, or any role where nobody had to. Who asked for a destructive
    call may not say that it did not happen, nor that it did.

    Args:
        by: Who settles, as authenticated by the host.
        tool: The call's tool.
        effect: What it does to the world.
        requester: Who asked for the call.
        roles: The roles that its approval took; empty where it took none.

    Raises:
        CallError: If the person may not.
    """
    if roles and not roles & by.roles:
        names = " or ".join(repr(role) for role in sorted(roles))
        raise CallError(f"{by.id!r} may not settle {tool!r}: it takes the role {names}")
    if not by.roles:
        raise CallError(
            f"{by.id!r} may not settle {tool!r}, having no role: set BAILIWICK_ROLES, or have "
            "somebody do it who has one"
        )
    if effect == "destructive" and by.id == requester:
        raise CallError(f"{by.id!r} asked for {tool!r} and may not settle it: somebody else must")
