"""Owns grants: what single people have approved, and when that is enough."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bailiwick.policies.decisions import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Say that one person has approved, and what the approval counts for.

    Attributes:
        principal: Who approved.
        role: The role they did it with.
        at: When, in epoch seconds of the database's clock.
        in_thread: Whether it was given where the thread asked, and not on the record.
    """

    principal: str
    role: str
    at: float
    in_thread: bool = True


def satisfied(requirements: Iterable[Requirement], grants: Iterable[Grant]) -> frozenset[str]:
    """Return the roles whose quorum of different people is met."""
    needed = missing(requirements, grants)
    return frozenset(role for role, number in needed.items() if not number)


def missing(requirements: Iterable[Requirement], grants: Iterable[Grant]) -> dict[str, int]:
    """Return how many people must still approve as each role that is asked for; 0 is none.

    Where several rules ask for one role, the largest quorum counts.
    """
    people: dict[str, set[str]] = {}
    for grant in grants:
        people.setdefault(grant.role, set()).add(grant.principal)
    quorums: dict[str, int] = {}
    for rule in requirements:
        quorums[rule.role] = max(rule.quorum, quorums.get(rule.role, 1))
    return {role: max(0, quorum - len(people.get(role, ()))) for role, quorum in quorums.items()}


def is_approved(requirements: Sequence[Requirement], grants: Iterable[Grant]) -> bool:
    """Tell whether everything required was given; where nothing is required, nothing was."""
    needed = {rule.role for rule in requirements}
    return bool(needed) and needed <= satisfied(requirements, grants)
