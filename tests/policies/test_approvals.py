"""Approvals are enough only when full, and a request says all that its reviewer needs."""

import json
from dataclasses import replace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from tests.policies.asked import (
    AUDIT_NEEDED,
    DEPUTY,
    MANAGER,
    MANAGER_NEEDED,
    REQUEST,
    edit,
    granted,
    request_for,
)

from bailiwick.policies.answers import Answer, Approve, Reject, Respond
from bailiwick.policies.approval_requests import approval_id
from bailiwick.policies.approvals import Approval
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Requirement
from bailiwick.policies.grants import Grant, is_approved, satisfied
from bailiwick.policies.scopes import Scope


def test_nothing_required_is_not_approved() -> None:
    """An empty list of requirements is a mistake, not a permission."""
    assert not is_approved((), ())
    assert not is_approved((), granted("manager"))
    assert satisfied((), granted("manager")) == frozenset()


def test_nothing_given_satisfies_nothing() -> None:
    """A requirement without grants stays open."""
    assert satisfied((MANAGER_NEEDED,), ()) == frozenset()
    assert not is_approved((MANAGER_NEEDED,), ())


def test_a_quorum_counts_different_people() -> None:
    """One person who approves twice is one person."""
    two = (replace(MANAGER_NEEDED, quorum=2),)
    assert not is_approved(two, granted("manager", "manager"))
    assert is_approved(two, granted("manager", "deputy"))


def test_the_largest_quorum_of_a_role_counts() -> None:
    """Two rules that ask for one role are met together or not at all."""
    rules = (MANAGER_NEEDED, replace(MANAGER_NEEDED, rule="large", quorum=2))
    assert satisfied(rules, granted("manager")) == frozenset()
    assert satisfied(rules, granted("manager", "deputy")) == {"manager"}


def test_every_role_is_needed() -> None:
    """One of two roles is not enough, and another role is worth nothing."""
    rules = (MANAGER_NEEDED, AUDIT_NEEDED)
    assert satisfied(rules, granted("manager")) == {"manager"}
    assert not is_approved(rules, granted("manager"))
    assert not is_approved(rules, granted("manager", "auditor", role="janitor"))
    assert is_approved(rules, (*granted("manager"), *granted("auditor", role="audit")))


@given(
    quorums=st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), min_size=1),
    given=st.lists(st.tuples(st.sampled_from("wxyz"), st.sampled_from("abcd"))),
)
def test_approved_means_every_quorum_is_met(
    quorums: dict[str, int], given: list[tuple[str, str]]
) -> None:
    """However grants are repeated, ordered or mixed."""
    rules = [Requirement(rule=role, role=role, quorum=n) for role, n in quorums.items()]
    grants = [Grant(principal=person, role=role, at=0.0) for person, role in given]
    full = all(len({p for p, r in given if r == role}) >= n for role, n in quorums.items())
    assert is_approved(rules, grants) == full
    assert is_approved(rules, reversed(grants)) == full


def test_the_first_rejection_ends_it() -> None:
    """Whatever was approved before."""
    before = Approval(request=REQUEST, state="pending", grants=granted("deputy"))
    rejection = Reject(action_digest=REQUEST.digest, message="too much")
    after = before.after(rejection, by=MANAGER, roles=(), at=2.0)
    assert (after.state, after.answer, after.decided_by) == ("rejected", rejection, "manager")
    assert after.decided_roles == {"manager"}
    assert after.roles == frozenset()


def test_an_approval_moves_on_only_when_all_is_given() -> None:
    """Before, it stays pending and nobody has decided."""
    request = request_for(replace(MANAGER_NEEDED, quorum=2))
    answer = Approve(action_digest=request.digest)
    first = Approval(request=request, state="pending").after(
        answer, by=MANAGER, roles={"manager"}, at=2.0
    )
    assert (first.state, first.answer, first.decided_by) == ("pending", None, None)
    assert first.roles == frozenset()
    second = first.after(answer, by=DEPUTY, roles={"manager"}, at=3.0)
    assert (second.state, second.answer, second.decided_by) == ("approved", answer, "deputy")
    assert second.roles == {"manager"}


@pytest.mark.parametrize(
    "answer",
    [edit(amount="1"), Respond(action_digest=REQUEST.digest, message="done")],
    ids=lambda answer: answer.type,
)
def test_an_edit_and_a_response_cancel_this_call(answer: Answer) -> None:
    """The answer is kept; nothing of it releases the call."""
    after = Approval(request=REQUEST, state="pending").after(
        answer, by=MANAGER, roles={"manager"}, at=2.0
    )
    assert (after.state, after.answer, after.grants) == ("cancelled", answer, ())


@pytest.mark.parametrize("state", ["pending", "rejected", "expired", "cancelled", "consumed"])
def test_roles_count_only_while_approved(state: Any) -> None:  # noqa: ANN401 - a column of the table
    """Full grants of a used or ended request release nothing."""
    assert Approval(request=REQUEST, state=state, grants=granted("manager")).roles == frozenset()


def test_the_interrupt_shows_what_a_reviewer_needs() -> None:
    """LangChain's form, and who asks for what, why, with which credential, until when."""
    request = request_for(
        replace(MANAGER_NEEDED, quorum=2), scope=Scope(path="payments/refund", ttl=30)
    )
    shown = request.to_interrupt(granted("deputy"))
    assert json.loads(json.dumps(shown)) == {
        "type": "tool_approval",
        "tool_call_id": "call-1",
        "name": "issue_refund",
        "args": {"order_id": "A-17", "amount": "40"},
        "description": "Refund 40 on order A-17",
        "id": request.id,
        "action_digest": request.digest,
        "agent": "billing",
        "chain": ["supervisor"],
        "requester": "clerk",
        "reason": "a refund moves money",
        "rules": [
            {
                "id": "refund-needs-a-manager",
                "reason": "money moves",
                "role": "manager",
                "quorum": 2,
                "separate": True,
            }
        ],
        "approvals": [{"by": "deputy", "role": "manager"}],
        "credential": {"kind": "kv", "path": "payments/refund", "ttl": 30},
        "expires_at": "1970-01-12T14:01:40.000000Z",
    }
    assert REQUEST.to_interrupt()["credential"] is None


def test_the_shortest_expiry_counts() -> None:
    """Of all rules that ask."""
    request = request_for(MANAGER_NEEDED, replace(AUDIT_NEEDED, expires=60))
    assert request.expires_at - request.created_at == 60


def test_equal_calls_share_a_request_and_others_do_not() -> None:
    """The id follows the call, its place and the policy, not who resumes the thread."""
    call = ToolCall(
        id="call-1",
        thread="thread-1",
        requester="clerk",
        agent="billing",
        tool=ToolUse(name="issue_refund", version="v1", effect="destructive"),
        args={"amount": "40"},
    )
    ids = {
        approval_id(call, "p1"),
        approval_id(replace(call, id="call-2"), "p1"),
        approval_id(replace(call, thread="copy"), "p1"),
        approval_id(replace(call, namespace="other"), "p1"),
        approval_id(call.with_args({"amount": "41"}), "p1"),
        approval_id(call, "p2"),
    }
    assert len(ids) == 6
    assert approval_id(replace(call, requester="manager"), "p1") in ids


class Refund(BaseModel):
    """The arguments of the tool in these tests."""

    model_config = ConfigDict(extra="ignore")
    order_id: str
    amount: Annotated[int, Field(gt=0)]
