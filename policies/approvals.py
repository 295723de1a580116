"""Owns approvals: where a request stands, and when enough people have agreed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, assert_never

from bailiwick.policies.answers import Answer, Approve, Edit, Reject, Respond
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.grants import Grant, is_approved, satisfied
from bailiwick.policies.principals import Principal
from bailiwick.policies.written import rfc3339

State: TypeAlias = Literal["pending", "approved", "rejected", "expired", "cancelled", "consumed"]
"""Where a request stands: pending → approved | rejected | expired | cancelled, approved → consumed.

An edit and a response cancel the request: this call will not run. An approval that was not used in
time counts as expired, and is cancelled where the conversation goes on without it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Tell where a request stands.

    Attributes:
        request: What was asked.
        state: Where it stands by the database's clock.
        grants: The approvals given so far, oldest first.
        answer: The answer that ended it, if one did.
        decided_by: Who gave that answer.
        decided_roles: The roles of the one who gave it, at that time.
        decided_at: When, in epoch seconds of the database's clock.
    """

    request: ApprovalRequest
    state: State
    grants: tuple[Grant, ...] = ()
    answer: Answer | None = None
    decided_by: str | None = None
    decided_roles: frozenset[str] = frozenset()
    decided_at: float | None = None

    @property
    def roles(self) -> frozenset[str]:
        """The roles whose approval may be used now: none unless the whole request is approved."""
        if self.state != "approved":
            return frozenset()
        return satisfied(self.request.requirements, self.grants)

    @property
    def ending(self) -> str:
        """What ended the request, in a sentence for whoever comes too late."""
        request = self.request
        asked = f"request {request.id!r} for {request.tool.name!r}"
        if self.state == "expired":
            return f"{asked} expired at {rfc3339(request.expires_at)}: have the agent ask again"
        if self.decided_by is None or self.decided_at is None:
            return f"{asked} is {self.state}: nothing is left to answer"
        when = rfc3339(self.decided_at)
        return (
            f"{asked} was {self._how} by {self.decided_by!r} at {when}: nothing is left to answer"
        )

    @property
    def _how(self) -> str:
        # An edit and a response cancel the request, which is not what the person did.
        match self.answer:
            case Edit():
                return "edited"
            case Respond():
                return "answered in the tool's place"
            case _:
                return "approved and used" if self.state == "consumed" else self.state

    def was_asked_under(self, digest: str) -> bool:
        """Tell whether people were asked under this digest."""
        given = (self.grants[:number] for number in range(len(self.grants) + 1))
        return any(self.request.anew(each).digest == digest for each in given)

    def was_answered_under(self, digest: str) -> bool:
        """Tell whether an answer ended the request, and people were asked under this digest."""
        return self.answer is not None and self.was_asked_under(digest)

    def check_pending(self) -> None:
        """Refuse unless the request is open.

        Raises:
            ApprovalError: If it has ended; the message says how and by whom.
        """
        if self.state != "pending":
            raise ApprovalError(self.ending)

    def after(
        self,
        answer: Answer,
        *,
        by: Principal,
        roles: Iterable[str],
        at: float,
        in_thread: bool = True,
    ) -> "Approval":
        """Return where the request stands after an answer that was found in order.

        Args:
            answer: The answer.
            by: Who gave it.
            roles: What it counts for, if it is an approval.
            at: When, in epoch seconds of the database's clock.
            in_thread: Whether it was given where the thread asked, and not on the record.
        """
        grants = self.grants
        match answer:
            case Approve():
                new = [
                    Grant(principal=by.id, role=role, at=at, in_thread=in_thread)
                    for role in sorted(set(roles))
                ]
                grants = (*grants, *new)
                if not is_approved(self.request.requirements, grants):
                    return replace(self, grants=grants)
                state: State = "approved"
            case Reject():
                state = "rejected"
            case Edit() | Respond():
                state = "cancelled"
            case _:
                assert_never(answer)
        return replace(
            self,
            state=state,
            grants=grants,
            answer=answer,
            decided_by=by.id,
            decided_roles=by.roles,
            decided_at=at,
        )
