"""An answer that was not taken is on the record: who tried what, and why not; once."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from bailiwick.policies.answers import Approve, Edit, EditedAction, Reject
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.refusals import MALFORMED, kind_of
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger

CLERK = Principal(id="clerk", roles=frozenset({"manager"}))
MANAGER = Principal(id="manager", roles=frozenset({"manager", "finance"}))
SECRET = "hunter2-and-then-some"


@pytest.fixture
def request_(approvals: Approvals) -> ApprovalRequest:
    """Give a request of the clerk's that waits."""
    tool = ToolUse(name="pay", version="v1", effect="destructive")
    call = ToolCall(
        id="1", thread="t", requester="clerk", agent="billing", tool=tool, args={"amount": "1"}
    )
    decision = Decision(
        verdict="review",
        rules=("needs-a-manager",),
        reason="money moves",
        requirements=(Requirement(rule="needs-a-manager", role="manager"),),
        policy_version="p1",
    )
    return approvals.ask(call, decision, scope=None, description="Pay 1").request


def refused(ledger: Ledger) -> list[dict[str, Any]]:
    """Return what is recorded of refused answers."""
    assert ledger.verify().is_sound
    return [dict(record.body) for record in ledger.records(kind="approval.refused")]


def test_nothing_is_refused_where_nothing_was_tried(
    ledger: Ledger, approvals: Approvals, request_: ApprovalRequest
) -> None:
    """Nor where the answer was taken."""
    approvals.answer(request_.id, Approve(action_digest=request_.digest), by=MANAGER)
    assert refused(ledger) == []


def test_who_tried_what_on_which_request_and_why_not(
    ledger: Ledger, approvals: Approvals, request_: ApprovalRequest
) -> None:
    """In the form of all records of that request."""
    with pytest.raises(ApprovalError):
        approvals.answer(request_.id, Approve(action_digest=request_.digest), by=CLERK)
    (body,) = refused(ledger)
    assert body == {
        "id": request_.id,
        "action_digest": request_.digest,
        "tool_call_id": "1",
        "requester": "clerk",
        "chain": [],
        "agent": "billing",
        "tool": "pay",
        "rules": ["needs-a-manager"],
        "by": "clerk",
        "roles": ["manager"],
        "answer": {"type": "approve"},
        "reason": "'clerk' asked for 'pay' and may not approve it: somebody else with the role "
        "'manager' must",
    }


def test_the_same_attempt_is_recorded_once(
    ledger: Ledger, approvals: Approvals, request_: ApprovalRequest
) -> None:
    """However often it is made; another kind, and another reason, is another."""
    for _ in range(5):
        for digest in (request_.digest, "0" * 64):
            with pytest.raises(ApprovalError):
                approvals.answer(request_.id, Approve(action_digest=digest), by=CLERK)
    with pytest.raises(ApprovalError):
        approvals.answer(request_.id, Reject(action_digest="0" * 64), by=CLERK)
    assert [(body["answer"]["type"], body["reason"][:6]) for body in refused(ledger)] == [
        ("approve", "'clerk"),
        ("approve", "the an"),
        ("reject", "the an"),
    ]
    with ledger.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.refusals)) == 3


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            Edit(
                action_digest="0" * 64,
                edited_action=EditedAction(name=SECRET, args={"amount": SECRET * 1_000}),
            ),
            id="an edit",
        ),
        pytest.param(Reject(action_digest=SECRET, message=SECRET * 1_000), id="a reason"),
        pytest.param({SECRET: SECRET}, id="anything"),
        pytest.param({"type": SECRET}, id="another type"),
        pytest.param([{"type": "accept", "args": SECRET, SECRET: 1}], id="a list"),
    ],
)
def test_nothing_of_the_answer_is_kept_but_its_kind(
    ledger: Ledger, approvals: Approvals, request_: ApprovalRequest, answer: object
) -> None:
    """It may be a secret pasted into the wrong window, or a gigabyte."""
    for error in (ApprovalError("not yours"), ValueError(f"no: {SECRET}")):
        approvals.refuse(request_, answer, by=CLERK, error=error)
    if isinstance(answer, Edit | Reject):
        with pytest.raises(ApprovalError):
            approvals.answer(request_.id, answer, by=MANAGER)
    assert SECRET not in "".join(ledger.export())
    assert {body["reason"] for body in refused(ledger)} >= {"not yours", MALFORMED}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("type"), inner),
    max_leaves=5,
)


@settings(max_examples=200)
@given(json_values)
def test_whatever_is_sent_has_a_kind_or_none(sent: object) -> None:
    """Never an error: refusing must not fail."""
    assert kind_of(sent) in {"", "approve", "edit", "reject", "respond"}
