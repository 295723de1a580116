"""An answer counts only from whom it is due, once, and never from who asked."""

from dataclasses import replace
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field
from tests.policies.asked import (
    AUDIT_NEEDED,
    AUDITOR,
    CHIEF,
    CLERK,
    DEPUTY,
    MANAGER,
    MANAGER_NEEDED,
    REQUEST,
    edit,
    granted,
    request_for,
)

from bailiwick.policies.answers import Answer, Approve, Reject, Respond
from bailiwick.policies.calls import Effect
from bailiwick.policies.entitlement import authorise, entitlement
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal


def test_an_approval_counts_for_the_roles_its_giver_holds() -> None:
    """And only for those that are still missing."""
    request = request_for(MANAGER_NEEDED, AUDIT_NEEDED)
    assert entitlement(request, MANAGER, ()) == (MANAGER_NEEDED,)
    assert entitlement(request, CHIEF, ()) == (MANAGER_NEEDED, AUDIT_NEEDED)
    assert entitlement(request, CHIEF, granted("manager")) == (AUDIT_NEEDED,)


def test_who_lacks_every_role_may_not_approve() -> None:
    """The message names the role that is needed."""
    with pytest.raises(
        ApprovalError, match=r"'auditor' may not answer .* takes the role 'manager'"
    ):
        entitlement(REQUEST, AUDITOR, ())
    with pytest.raises(ApprovalError, match="takes the role"):
        entitlement(REQUEST, Principal(id="nobody"), ())


@pytest.mark.parametrize(
    ("effect", "separate", "barred"),
    [
        ("destructive", None, True),
        ("destructive", True, True),
        ("destructive", False, False),
        ("write", None, False),
        ("write", True, True),
        ("read", None, False),
    ],
)
def test_who_asked_may_not_approve_where_that_is_barred(
    *,
    effect: Effect,
    separate: bool | None,
    barred: bool,
) -> None:
    """By the rule's word, or else where the tool destroys."""
    request = request_for(replace(MANAGER_NEEDED, separate=separate), effect=effect)
    if not barred:
        assert entitlement(request, CLERK, ()) == request.requirements
        return
    with pytest.raises(ApprovalError, match="'clerk' asked for 'issue_refund' and may not approve"):
        entitlement(request, CLERK, ())


def test_one_rule_bars_who_asked_from_the_whole_role() -> None:
    """A laxer rule beside it opens nothing."""
    lax = replace(MANAGER_NEEDED, rule="lax", separate=False)
    with pytest.raises(ApprovalError, match="asked for"):
        entitlement(request_for(lax, MANAGER_NEEDED), CLERK, ())


def test_nobody_approves_twice() -> None:
    """The second person must be another one, whatever roles the first has."""
    request = request_for(replace(MANAGER_NEEDED, quorum=2), AUDIT_NEEDED)
    with pytest.raises(ApprovalError, match=r"'manager' has approved .* already"):
        entitlement(request, MANAGER, granted("manager"))
    with pytest.raises(ApprovalError, match="already"):
        entitlement(request, CHIEF, granted("chief"))
    assert entitlement(request, DEPUTY, granted("manager")) == request.requirements[:1]


def test_one_more_than_needed_is_refused() -> None:
    """The message says for whom it waits."""
    request = request_for(MANAGER_NEEDED, AUDIT_NEEDED)
    with pytest.raises(ApprovalError, match=r"no more approvals of 'manager': .* for 'audit'"):
        entitlement(request, DEPUTY, granted("manager"))


@pytest.mark.parametrize(
    "answer",
    [
        Approve(action_digest="0" * 64),
        Reject(action_digest="0" * 64),
        Respond(action_digest="0" * 64, message="done"),
    ],
    ids=lambda answer: answer.type,
)
def test_an_answer_to_another_call_is_refused(answer: Answer) -> None:
    """Even a rejection: its giver saw something else."""
    with pytest.raises(ApprovalError, match="to another call"):
        authorise(REQUEST, answer, MANAGER, ())


def test_an_edit_cannot_change_the_tool() -> None:
    """Only its arguments."""
    assert authorise(REQUEST, edit(amount="30"), MANAGER, ()) == (MANAGER_NEEDED,)
    with pytest.raises(ApprovalError, match="must keep the tool 'issue_refund'"):
        authorise(REQUEST, edit("wipe"), MANAGER, ())


def test_whoever_holds_a_role_may_reject() -> None:
    """Also who asked, and who has approved already; nobody else."""
    rejection = Reject(action_digest=REQUEST.digest)
    assert authorise(REQUEST, rejection, CLERK, ()) == ()
    assert authorise(REQUEST, rejection, MANAGER, granted("manager")) == ()
    with pytest.raises(ApprovalError, match="takes the role"):
        authorise(REQUEST, rejection, AUDITOR, ())


@pytest.mark.parametrize(
    "answer",
    [edit(amount="1"), Respond(action_digest=REQUEST.digest, message="done")],
    ids=lambda answer: answer.type,
)
def test_editing_and_responding_take_what_approving_takes(answer: Answer) -> None:
    """They put words into the model's ears."""
    with pytest.raises(ApprovalError, match="asked for"):
        authorise(REQUEST, answer, CLERK, ())
    with pytest.raises(ApprovalError, match="takes the role"):
        authorise(REQUEST, answer, AUDITOR, ())


class Refund(BaseModel):
    """The arguments of the tool in these tests."""

    model_config = ConfigDict(extra="ignore")
    order_id: str
    amount: Annotated[int, Field(gt=0)]
