"""Owns who may answer an approval request, and what an answer counts for."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bailiwick.policies.answers import Answer, Edit, Reject
from bailiwick.policies.decisions import Requirement
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.grants import Grant, satisfied
from bailiwick.policies.principals import Principal

if TYPE_CHECKING:
    from bailiwick.policies.approval_requests import ApprovalRequest


def authorise(
    request: "ApprovalRequest", answer: Answer, principal: Principal, given: Sequence[Grant]
) -> tuple[Requirement, ...]:
    """Return what an answer counts for, if this person may give it.

    Whoever holds a needed role may reject, also after having approved and also a call of their
    own: a rejection only takes away. Everything else takes what an approval takes.

    Raises:
        ApprovalError: If the answer is to another call, names another tool, or is not theirs to
            give.
    """
    if answer.action_digest != request.digest:
        raise ApprovalError(
            f"the answer is to another call than request {request.id!r}: read the request again "
            "and answer with its action_digest"
        )
    if isinstance(answer, Edit) and answer.edited_action.name != request.tool.name:
        raise ApprovalError(
            f"an edit must keep the tool {request.tool.name!r}: reject the call, and say in the "
            "message what to do"
        )
    if isinstance(answer, Reject):
        _held(request, principal)
        return ()
    return entitlement(request, principal, given)


def entitlement(
    request: "ApprovalRequest", principal: Principal, given: Sequence[Grant]
) -> tuple[Requirement, ...]:
    """Return the requirements that this person's approval counts for.

    It counts for every role that is still missing and that the person holds; a quorum counts
    different people.

    Raises:
        ApprovalError: If the person holds none of the needed roles, is among those who asked where
            that is barred, has approved already, or is one more than needed.
    """
    held = _held(request, principal)
    if any(grant.principal == principal.id for grant in given):
        raise ApprovalError(
            f"{principal.id!r} has approved {request.tool.name!r} already: "
            "what is missing must come from somebody else"
        )
    complete = satisfied(request.requirements, given)
    missing = tuple(rule for rule in held if rule.role not in complete)
    if not missing:
        raise ApprovalError(
            f"{request.tool.name!r} needs no more approvals of {_names(held)}: it waits for "
            f"{_names(rule for rule in request.requirements if rule.role not in complete)}"
        )
    if principal.id not in {request.requester, *request.askers}:
        return missing
    effect = request.tool.effect
    barred = {rule.role for rule in request.requirements if rule.bars_requester(effect)}
    if open_to_requester := tuple(rule for rule in missing if rule.role not in barred):
        return open_to_requester
    tool = repr(request.tool.name)
    asked = tool if principal.id == request.requester else f"something where {tool} comes from"
    raise ApprovalError(
        f"{principal.id!r} asked for {asked} and may not approve it: "
        f"somebody else with the role {_names(missing)} must"
    )


def _held(request: "ApprovalRequest", principal: Principal) -> tuple[Requirement, ...]:
    held = tuple(rule for rule in request.requirements if rule.role in principal.roles)
    if not held:
        raise ApprovalError(
            f"{principal.id!r} may not answer for {request.tool.name!r}: "
            f"it takes the role {_names(request.requirements)} "
            "(at a terminal BAILIWICK_ROLES gives roles)"
        )
    return held


def _names(rules: Iterable[Requirement]) -> str:
    return " or ".join(sorted({repr(rule.role) for rule in rules}))
