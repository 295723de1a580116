"""Owns what the policy says of a call: allow, review or deny, by which rules and why."""

from dataclasses import dataclass
from typing import Literal

from bailiwick.policies.calls import Effect

Verdict = Literal["allow", "review", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Say whose approval lifts a `forbid` rule.

    Attributes:
        rule: The rule's `@id`.
        role: The role that may approve.
        quorum: How many different people must approve.
        expires: Seconds for which the request may be answered and the approval used.
        separate: Whether the requester is barred from approving; `None` leaves it to the tool's
            effect (barred where it is destructive).
        reason: The rule's `@reason`, for the person who is asked.
    """

    rule: str
    role: str
    quorum: int = 1
    expires: int = 900
    separate: bool | None = None
    reason: str = ""

    def bars_requester(self, effect: Effect) -> bool:
        """Tell whether whoever asked for a call of this effect may not approve it."""
        return effect == "destructive" if self.separate is None else self.separate


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Answer whether a call may run.

    Attributes:
        verdict: `allow`, `review` (a person must approve first) or `deny`.
        rules: The ids of the rules that made the decision, sorted.
        reason: One sentence that leaks nothing: the model and the user may read it.
        detail: What the operator should know beyond that: evaluation errors and the like.
        requirements: For `review`: every approval that is needed.
        policy_version: The version of the policy that decided.
    """

    verdict: Verdict
    rules: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    requirements: tuple[Requirement, ...] = ()
    policy_version: str
