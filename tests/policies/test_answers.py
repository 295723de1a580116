"""An answer is taken only in the right form, for one exact call and one tool."""

import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from tests.policies.asked import REQUEST, edit

from bailiwick.policies import Approve, Edit, EditedAction, Reject, Respond
from bailiwick.policies.answers import ANSWERS, LONGEST, Answer, ArgsSchema, answer_type
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.errors import ApprovalError


class Refund(BaseModel):
    """The arguments of the tool in these tests."""

    model_config = ConfigDict(extra="ignore")
    order_id: str
    amount: Annotated[int, Field(gt=0)]


REFUND = ArgsSchema.of(Refund)


def test_whoever_answers_in_code_needs_policies_alone() -> None:
    """The four answers are made from what the package exports, and read back as they are."""
    action = EditedAction(name="refund", args={"amount": 1})
    made = [
        Approve(action_digest="d"),
        Edit(action_digest="d", edited_action=action),
        Reject(action_digest="d", message="no"),
        Respond(action_digest="d", message="it is done"),
    ]
    assert [ANSWERS.validate_python(each.model_dump()) for each in made] == made


def adapter(
    request: ApprovalRequest = REQUEST, refusal: Exception | None = None
) -> TypeAdapter[Answer | None]:
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
JSON_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(None, 'no answer: send {"type": "approve"', id="nothing"),
        pytest.param(True, "other types are edit, reject and respond", id="true"),
        pytest.param("approve", 'no answer: send {"type": "approve"', id="text"),
        pytest.param([{"type": "accept"}], "which call it answers", id="agent-inbox"),
        pytest.param({"decisions": [{"type": "approve"}]}, "which call it answers", id="batched"),
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


def nested(depth: int) -> object:
    """Return a list in a list in a list."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 10**5000, "\ud800", {"\udfff": 1}, [float("nan")], nested(250)],
    ids=["nan", "inf", "digits", "surrogate", "surrogate-key", "nan-inside", "nesting"],
)
def test_an_answer_that_json_cannot_hold_is_refused(value: object) -> None:
    """It would be kept as something else, or so that no inbox can be read any more."""
    action = {"name": "issue_refund", "args": {"amount": value}}
    with pytest.raises(ValidationError, match=r"JSON|recursion"):
        EditedAction.model_validate(action)


@pytest.mark.parametrize("kind", ["reject", "respond"])
def test_a_message_that_json_cannot_hold_is_refused(kind: str) -> None:
    """Half a character is no text."""
    answer = {"type": kind, "action_digest": DIGEST, "message": "no \ud800"}
    with pytest.raises(ValidationError, match="JSON"):
        adapter().validate_python(answer)


@pytest.mark.parametrize("kind", ["reject", "respond"])
def test_a_message_without_end_is_refused(kind: str) -> None:
    """Every list of answers is read whole."""
    answer = {"type": kind, "action_digest": DIGEST, "message": "no" * LONGEST}
    with pytest.raises(ValidationError, match="longer than 64 KiB: say it in fewer words"):
        adapter().validate_python(answer)


@given(st.recursive(JSON_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_taken_can_be_read_back(value: object) -> None:
    """Whatever a reviewer writes into an argument is kept as it is."""
    edited = EditedAction.model_validate({"name": "issue_refund", "args": {"amount": value}})
    answer = Edit(action_digest=DIGEST, edited_action=edited)
    assert ANSWERS.validate_json(answer.model_dump_json()) == answer


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
