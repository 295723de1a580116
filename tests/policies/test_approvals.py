"""Approvals are answered for one exact call, by the right people, and enough only when full."""

import json
from dataclasses import replace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bailiwick.policies.answers import ANSWERS
from bailiwick.policies.approvals import (
    Answer,
    Approval,
    ApprovalRequest,
    Approve,
    ArgsSchema,
    Edit,
    EditedAction,
    Grant,
    Reject,
    Respond,
    answer_type,
    approval_id,
    authorise,
    entitlement,
    is_approved,
    satisfied,
)
from bailiwick.policies.calls import Effect, ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.policies.scopes import Scope

CLERK = Principal(id="clerk", roles=frozenset({"manager"}))
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
DEPUTY = Principal(id="deputy", roles=frozenset({"manager"}))
AUDITOR = Principal(id="auditor", roles=frozenset({"audit"}))
CHIEF = Principal(id="chief", roles=frozenset({"manager", "audit"}))

MANAGER_NEEDED = Requirement(rule="refund-needs-a-manager", role="manager", reason="money moves")
AUDIT_NEEDED = Requirement(rule="large-needs-audit", role="audit")


def request_for(
    *requirements: Requirement, effect: Effect = "destructive", scope: Scope | None = None
) -> ApprovalRequest:
    """Return a clerk's request for a refund."""
    call = ToolCall(
        id="call-1",
        thread="thread-1",
        namespace="billing",
        requester="clerk",
        chain=("supervisor",),
        agent="billing",
        tool=ToolUse(name="issue_refund", version="v1", effect=effect),
        args={"order_id": "A-17", "amount": "40"},
    )
    decision = Decision(
        verdict="review",
        rules=tuple(rule.rule for rule in requirements),
        reason="a refund moves money",
        requirements=requirements or (MANAGER_NEEDED,),
        policy_version="p1",
    )
    return ApprovalRequest.of(
        call, decision, scope=scope, description="Refund 40 on order A-17", now=1_000_000.0
    )


REQUEST = request_for(MANAGER_NEEDED)


def granted(*people: str, role: str = "manager") -> tuple[Grant, ...]:
    """Return grants of one role by these people."""
    return tuple(Grant(principal=person, role=role, at=1.0) for person in people)


def edit(name: str = "issue_refund", **args: Any) -> Edit:  # noqa: ANN401 - arguments of a tool
    """Return an edit of the request."""
    return Edit(action_digest=REQUEST.digest, edited_action=EditedAction(name=name, args=args))


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
    with pytest.raises(ApprovalError, match="cannot turn 'issue_refund' into 'wipe'"):
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


def test_the_first_rejection_ends_it() -> None:
    """Whatever was approved before."""
    before = Approval(request=REQUEST, state="pending", grants=granted("deputy"))
    rejection = Reject(action_digest=REQUEST.digest, message="too much")
    after = before.after(rejection, by="manager", roles=(), at=2.0)
    assert (after.state, after.answer, after.decided_by) == ("rejected", rejection, "manager")
    assert after.roles == frozenset()


def test_an_approval_moves_on_only_when_all_is_given() -> None:
    """Before, it stays pending and nobody has decided."""
    request = request_for(replace(MANAGER_NEEDED, quorum=2))
    answer = Approve(action_digest=request.digest)
    first = Approval(request=request, state="pending").after(
        answer, by="manager", roles={"manager"}, at=2.0
    )
    assert (first.state, first.answer, first.decided_by) == ("pending", None, None)
    assert first.roles == frozenset()
    second = first.after(answer, by="deputy", roles={"manager"}, at=3.0)
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
        answer, by="manager", roles={"manager"}, at=2.0
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
            }
        ],
        "approvals": [{"by": "deputy", "role": "manager"}],
        "credential": {"path": "payments/refund", "ttl": 30},
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


REFUND = ArgsSchema.of(Refund)


def adapter(
    request: ApprovalRequest = REQUEST, refusal: Exception | None = None
) -> TypeAdapter[Answer]:
    """Make the request's type as LangGraph does."""

    def check(_: Answer) -> None:
        if refusal is not None:
            raise refusal

    return TypeAdapter(answer_type(request, check=check, args_schema=REFUND))


def test_well_formed_answers_become_answers() -> None:
    """All four, out of plain values."""
    digest = REQUEST.digest
    new = {"name": "issue_refund", "args": {"order_id": "A-17", "amount": 3}}
    for answer in (
        {"type": "approve", "action_digest": digest},
        {"type": "edit", "action_digest": digest, "edited_action": new},
        {"type": "reject", "action_digest": digest},
        {"type": "reject", "action_digest": digest, "message": "no"},
        {"type": "respond", "action_digest": digest, "message": "it was done by phone"},
    ):
        assert adapter().validate_python(answer) == ANSWERS.validate_python(answer)


DIGEST = REQUEST.digest


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(None, "valid dictionary", id="nothing"),
        pytest.param("approve", "valid dictionary", id="text"),
        pytest.param([{"type": "accept"}], "valid dictionary", id="agent-inbox"),
        pytest.param({"decisions": [{"type": "approve"}]}, "discriminator", id="batched"),
        pytest.param({}, "discriminator", id="empty"),
        pytest.param({"type": "accept", "action_digest": DIGEST}, "expected tags", id="type"),
        pytest.param({"type": "approve"}, "action_digest", id="no-digest"),
        pytest.param({"type": "approve", "action_digest": "0" * 64}, "another call", id="stale"),
        pytest.param(
            {"type": "approve", "action_digest": DIGEST, "by": "chief"}, "Extra", id="more"
        ),
        pytest.param({"type": "respond", "action_digest": DIGEST}, "message", id="no-message"),
        pytest.param({"type": "edit", "action_digest": DIGEST}, "edited_action", id="no-edit"),
    ],
)
def test_malformed_and_stale_answers_are_refused(answer: object, why: str) -> None:
    """As pydantic errors, so that LangGraph keeps nothing of them."""
    with pytest.raises(ValidationError, match=why):
        adapter().validate_python(answer)


@pytest.mark.parametrize(
    ("name", "args", "why"),
    [
        ("wipe", {"order_id": "A", "amount": 1}, "must keep the tool 'issue_refund'"),
        ("issue_refund", {}, "'amount' is missing"),
        ("issue_refund", {"order_id": "A"}, "'amount' is missing"),
        ("issue_refund", {"order_id": "A", "amount": "many"}, "amount"),
        ("issue_refund", {"order_id": "A", "amount": -1}, "greater than 0"),
        ("issue_refund", {"order_id": "A", "amount": 1, "to": "me"}, "no argument 'to'"),
    ],
)
def test_an_edit_must_fit_the_tool(name: str, args: dict[str, object], why: str) -> None:
    """Its name, and every argument; unknown ones would be dropped unseen."""
    answer = {
        "type": "edit",
        "action_digest": REQUEST.digest,
        "edited_action": {"name": name, "args": args},
    }
    with pytest.raises(ValidationError, match=why):
        adapter().validate_python(answer)


@pytest.mark.parametrize("error", [ApprovalError("not yours"), ValueError("not yours")])
def test_who_may_not_answer_is_refused_by_the_type(error: Exception) -> None:
    """The check of the person is part of the validation."""
    with pytest.raises(ValidationError, match="not yours"):
        adapter(refusal=error).validate_python({"type": "approve", "action_digest": DIGEST})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["type", "action_digest", "message", "edited_action"]) | st.text(),
                inner | st.sampled_from(["approve", "edit", "reject", "respond"]),
            )
        ),
    )
)
def test_no_value_without_the_digest_is_an_answer(value: object) -> None:
    """Whatever somebody sends."""
    with pytest.raises(ValidationError):
        adapter().validate_python(value)


def test_the_json_schema_pins_digest_and_tool() -> None:
    """A client can build its form from it: four branches, the edit typed by the tool."""
    schema = adapter().json_schema()
    branches = {branch["properties"]["type"]["const"]: branch for branch in schema["oneOf"]}
    assert schema["discriminator"] == {"propertyName": "type"}
    assert list(branches) == ["approve", "edit", "reject", "respond"]
    for branch in branches.values():
        assert branch["properties"]["action_digest"] == {"const": REQUEST.digest}
        assert branch["additionalProperties"] is False
        assert {"type", "action_digest"} <= set(branch["required"])
    action = branches["edit"]["properties"]["edited_action"]["properties"]
    assert action["name"] == {"const": "issue_refund"}
    assert action["args"]["properties"]["amount"] == {
        "exclusiveMinimum": 0,
        "title": "Amount",
        "type": "integer",
    }
    assert "message" not in branches["reject"]["required"]
    assert "message" in branches["respond"]["required"]


class Node(BaseModel):
    """An argument that contains itself."""

    value: int
    below: list["Node"] = []


class Tree(BaseModel):
    """Arguments with definitions."""

    root: Node
    other: Node


def test_definitions_of_a_tool_are_put_in_place() -> None:
    """References would not lead anywhere from inside the answer's schema."""
    kind = answer_type(REQUEST, check=lambda _: None, args_schema=ArgsSchema.of(Tree))
    text = json.dumps(TypeAdapter(kind).json_schema())
    assert "$ref" not in text
    assert "$defs" not in text
    assert text.count('"Value"') == 2


def test_a_tool_without_a_model_has_the_names_of_its_arguments_checked() -> None:
    """Tools of other systems bring a JSON Schema and nothing that validates."""
    schema = ArgsSchema.of(
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}, "b": {}}, "required": ["a"]}
    )
    schema.check({"a": 1})
    with pytest.raises(ValueError, match="'a' is missing"):
        schema.check({"b": 1})
    with pytest.raises(ValueError, match="no argument 'c'"):
        schema.check({"a": 1, "c": 1})
    ArgsSchema.of({"properties": {}, "additionalProperties": True}).check({"anything": 1})


def test_without_a_schema_an_edit_may_hold_any_arguments() -> None:
    """The tool is still the same one."""
    kind = answer_type(REQUEST, check=lambda _: None)
    answer = TypeAdapter(kind).validate_python(edit(anything=[1]).model_dump())
    assert isinstance(answer, Edit)
    assert TypeAdapter(kind).json_schema()["oneOf"]
