"""What user interfaces of others send is understood, if it says which call it answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents.middleware.human_in_the_loop import HITLRequest
from pydantic import JsonValue, TypeAdapter, ValidationError

from bailiwick.policies.answers import (
    Answer,
    Approve,
    Edit,
    EditedAction,
    Reject,
    Respond,
    answer_type,
    read_answer,
)
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.resumes import to_hitl_request

REQUEST = ApprovalRequest.of(
    ToolCall(
        id="call-1",
        thread="thread-1",
        requester="customer",
        agent="billing",
        tool=ToolUse(name="issue_refund", version="v1", effect="destructive"),
        args={"order_id": "A-17", "amount": "40"},
    ),
    Decision(
        verdict="review",
        rules=("refund-needs-a-manager",),
        reason="a refund moves money",
        requirements=(Requirement(rule="refund-needs-a-manager", role="manager", reason="money"),),
        policy_version="p1",
    ),
    scope=None,
    description="Refund 40 on order A-17",
    now=1_000_000.0,
)
DIGEST = REQUEST.digest
BOUND = {"action_digest": DIGEST}
NEW: dict[str, JsonValue] = {"order_id": "A-17", "amount": "30"}
EDIT = Edit(action_digest=DIGEST, edited_action=EditedAction(name="issue_refund", args=NEW))
EDITED = {"name": "issue_refund", "args": NEW}
ACTION = {"action": "issue_refund", "args": NEW}


def taken(value: object) -> Answer | None:
    """Answer the request as LangGraph does."""
    schema = answer_type(REQUEST, check=lambda _: None)
    return TypeAdapter(schema).validate_python(value)


UNDERSTOOD: list[Any] = [
    pytest.param(
        {"decisions": [{"type": "approve"}], **BOUND}, Approve(action_digest=DIGEST), id="approve"
    ),
    pytest.param(
        {"decisions": [{"type": "approve", **BOUND}]},
        Approve(action_digest=DIGEST),
        id="approve-within",
    ),
    pytest.param(
        {"decisions": [{"type": "edit", "edited_action": EDITED}], **BOUND}, EDIT, id="edit"
    ),
    pytest.param(
        {"decisions": [{"type": "reject", "message": "no"}], **BOUND},
        Reject(action_digest=DIGEST, message="no"),
        id="reject",
    ),
    pytest.param(
        {"decisions": [{"type": "respond", "message": "done"}], **BOUND},
        Respond(action_digest=DIGEST, message="done"),
        id="respond",
    ),
    pytest.param(
        [{"type": "accept", "args": None, **BOUND}], Approve(action_digest=DIGEST), id="accept"
    ),
    pytest.param(
        [{"type": "accept", "args": {**ACTION, **BOUND}}],
        Approve(action_digest=DIGEST),
        id="accept-within",
    ),
    pytest.param([{"type": "edit", "args": {**ACTION, **BOUND}}], EDIT, id="inbox-edit"),
    pytest.param(
        [{"type": "response", "args": "done", **BOUND}],
        Respond(action_digest=DIGEST, message="done"),
        id="response",
    ),
    pytest.param(
        [{"type": "ignore", "args": None, **BOUND}], Reject(action_digest=DIGEST), id="ignore"
    ),
    pytest.param({"type": "approve", **BOUND}, Approve(action_digest=DIGEST), id="our-own"),
]


@pytest.mark.parametrize(("value", "answer"), UNDERSTOOD)
def test_forms_of_others_are_answers(value: object, answer: Answer) -> None:
    """One decision of LangChain's batch, one response of Agent Inbox, and our own form."""
    assert taken(value) == answer


@pytest.mark.parametrize("value", [case.values[0] for case in UNDERSTOOD])
def test_every_form_is_bound_to_one_call(value: Any) -> None:  # noqa: ANN401 - a column of the table
    """With another call's digest it is stale, without any it could be: both are refused."""
    for digest in ("0" * 64, None, [DIGEST], ""):
        with pytest.raises(ValidationError):
            taken(_rebound(value, digest))


def _rebound(value: Any, digest: object) -> Any:  # noqa: ANN401 - any form
    if isinstance(value, list):
        return [_rebound(item, digest) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _rebound(item, digest) for key, item in value.items() if key != "action_digest"}
    return (
        kept if digest is None or "action_digest" not in value else kept | {"action_digest": digest}
    )


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param([], "exactly one", id="no-response"),
        pytest.param({"decisions": [], **BOUND}, "exactly one", id="no-decision"),
        pytest.param({"decisions": "approve", **BOUND}, "exactly one", id="text"),
        pytest.param({"decisions": ["approve"], **BOUND}, "an object", id="no-object"),
        pytest.param(
            {"decisions": [{"type": "approve"}, {"type": "approve"}], **BOUND},
            "exactly one",
            id="two-decisions",
        ),
        pytest.param(
            {"decisions": [{"type": "approve"}], "by": "chief", **BOUND}, "'by'", id="more"
        ),
        pytest.param(
            {"decisions": [{"type": "approve", "action_digest": "0" * 64}], **BOUND},
            "one call",
            id="two-digests",
        ),
        pytest.param([{"type": "accept", "by": "chief", **BOUND}], "'by'", id="more-in-response"),
        pytest.param([{"type": "approve", **BOUND}], "accept or ignore", id="mixed-forms"),
        pytest.param([{"type": "edit", "args": "x", **BOUND}], "accept or ignore", id="no-args"),
        pytest.param([{"type": "response", **BOUND}], "accept or ignore", id="no-message"),
        pytest.param(
            [{"type": "edit", "args": {"action": "wipe", "args": NEW}, **BOUND}],
            "keep the tool",
            id="other-tool",
        ),
    ],
)
def test_other_forms_are_refused(value: object, why: str) -> None:
    """As pydantic errors, so that LangGraph keeps nothing of them."""
    with pytest.raises(ValidationError, match=why):
        taken(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["approve", DIGEST]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "args", "action", "decisions", "action_digest", "message"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_anything_is_an_answer_or_refused(value: object) -> None:
    """Never another error: it would end the run, and what was sent would stay in the thread."""
    try:
        answer = read_answer(value)
    except ValueError:
        return
    assert answer.action_digest


def test_a_request_is_rendered_in_the_batched_form() -> None:
    """LangChain's own type takes it; the digest is where it can be sent back from."""
    rendered: Any = to_hitl_request(REQUEST)
    TypeAdapter(HITLRequest).validate_python(
        {key: rendered[key] for key in ("action_requests", "review_configs")}
    )
    (action,) = rendered["action_requests"]
    assert action["description"].startswith("what: Refund 40 on order A-17\n")
    assert {name: action[name] for name in action if name != "description"} == {
        "name": "issue_refund",
        "args": {"order_id": "A-17", "amount": "40"},
        "action_digest": DIGEST,
    }
    assert rendered["review_configs"] == [
        {
            "action_name": "issue_refund",
            "allowed_decisions": ["approve", "edit", "reject", "respond"],
        }
    ]
    assert (rendered["action_digest"], rendered["id"]) == (DIGEST, REQUEST.id)
    assert to_hitl_request(REQUEST.to_interrupt()) == rendered
    sent = {"decisions": [{"type": "approve"}], "action_digest": rendered["action_digest"]}
    assert taken(sent) == Approve(action_digest=DIGEST)
