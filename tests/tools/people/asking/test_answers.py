"""The answer to a question: it counts for exactly one call, or leaves the question open."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.tools.governed import MANAGER
from tests.tools.people.asking.desk import Desk, asked, edit

from bailiwick.policies import Principal
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.following import Next
from bailiwick.tools.results import ToolResult


def test_an_approved_call_goes_on_to_its_execution(desk: Desk) -> None:
    """As it was asked for."""
    assert desk.answer(asked(desk), type="approve") is None
    assert desk.steps == [Next(node="execute")]
    assert desk.states() == ["approved"]


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("not this shop", "pay did not run. manager rejected it: not this shop"),
        ("", "pay did not run. manager rejected it."),
    ],
    ids=["with a reason", "without"],
)
def test_a_rejected_call_is_refused_with_the_reason(desk: Desk, message: str, content: str) -> None:
    """The model learns who did not want it and why."""
    desk.answer(asked(desk), type="reject", message=message)

    assert desk.steps == [ToolResult(content=content, outcome="refused")]
    assert desk.states() == ["rejected"]


def test_a_response_stands_in_the_tools_place(desk: Desk) -> None:
    """The tool does not run, and that is no error."""
    desk.answer(asked(desk), type="respond", message="it was paid by hand")

    assert desk.steps == [ToolResult(content="it was paid by hand", outcome="answered")]
    assert desk.states() == ["cancelled"]


def test_an_edit_to_what_is_allowed_goes_on_with_a_note(desk: Desk) -> None:
    """The model reads what was changed, and by whom."""
    desk.answer(asked(desk), **edit(to="shop", amount="40"))

    assert desk.steps == [
        Next(
            node="execute",
            args={"to": "shop", "amount": "40"},
            note='manager changed the arguments to {"to": "shop", "amount": "40"} before this ran.',
        )
    ]
    assert desk.states() == ["cancelled"]


def test_an_edit_counts_as_the_editors_approval_of_it(desk: Desk) -> None:
    """Who may approve the edited call has just said that it is right."""
    desk.answer(asked(desk), **edit(to="shop", amount="150"))

    assert [type(step) is Next and step.node for step in desk.steps] == ["execute"]
    assert sorted(desk.states()) == ["approved", "cancelled"]


def test_an_edit_that_needs_others_is_asked_anew(desk: Desk) -> None:
    """An editor's word counts for the editor's roles alone."""
    desk.answer(asked(desk), **edit(to="shop", amount="240"))

    assert [type(step) is Next and step.node for step in desk.steps] == ["approval"]
    assert sorted(desk.states()) == ["cancelled", "pending"]


def test_an_edit_to_what_is_forbidden_is_left_to_the_guard(desk: Desk) -> None:
    """Which decides it, refuses and records it."""
    desk.answer(asked(desk), **edit(to="shop", amount="900"))

    assert [type(step) is Next and step.node for step in desk.steps] == ["execute"]
    assert desk.states() == ["cancelled"]


OTHER_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "batched approve": (
        lambda digest: {"decisions": [{"type": "approve"}], "action_digest": digest},
        "approved",
    ),
    "batched reject": (
        lambda digest: {
            "decisions": [{"type": "reject", "message": "no"}],
            "action_digest": digest,
        },
        "rejected",
    ),
    "batched edit": (
        lambda digest: {
            "decisions": [edit(to="shop", amount="40")],
            "action_digest": digest,
        },
        "cancelled",
    ),
    "inbox accept": (
        lambda digest: [{"type": "accept", "args": None, "action_digest": digest}],
        "approved",
    ),
    "inbox ignore": (
        lambda digest: [{"type": "ignore", "args": None, "action_digest": digest}],
        "rejected",
    ),
    "inbox response": (
        lambda digest: [{"type": "response", "args": "paid by hand", "action_digest": digest}],
        "cancelled",
    ),
    "inbox edit": (
        lambda digest: [
            {
                "type": "edit",
                "args": {"action": "pay", "args": {"to": "shop", "amount": "40"}},
                "action_digest": digest,
            }
        ],
        "cancelled",
    ),
}


@pytest.mark.parametrize(("form", "state"), OTHER_FORMS.values(), ids=OTHER_FORMS.keys())
def test_what_other_interfaces_send_is_taken(
    desk: Desk, form: Callable[[str], object], state: str
) -> None:
    """By interrupt id, and bound to the call by its digest; without that it is refused."""
    question = asked(desk)
    with pytest.raises(ValueError, match=r"does not say which call|to another call"):
        desk.resume(question, form(""))
    with pytest.raises(ValueError, match="to another call"):
        desk.resume(question, form("0" * 64))
    assert desk.states() == ["pending"]
    assert desk.resume(question, form(question.value["action_digest"])) is None
    assert desk.states() == [state]


BAD_ANSWERS: dict[str, tuple[dict[str, Any], Principal, str]] = {
    "nothing": ({}, MANAGER, "discriminator"),
    "unknown": ({"type": "accept"}, MANAGER, "accept"),
    "another call": ({"type": "approve", "action_digest": "0" * 64}, MANAGER, "another call"),
    "more than an answer": ({"type": "approve", "args": {}}, MANAGER, "args"),
    "the one who asked": ({"type": "approve"}, Principal(id="clerk", roles=MANAGER.roles), "asked"),
    "no role": ({"type": "approve"}, Principal(id="passer-by"), "manager"),
    "another tool": (
        {"type": "edit", "edited_action": {"name": "wipe", "args": {}}},
        MANAGER,
        "keep the tool 'pay'",
    ),
    "an unknown argument": (edit(to="x", amount="1", by="y"), MANAGER, "no argument 'by'"),
    "a missing argument": (edit(to="x"), MANAGER, "'amount' is missing"),
    "no amount": (edit(to="x", amount="much"), MANAGER, "valid decimal"),
    "an edit of nothing": (edit(to="shop", amount="140.0"), MANAGER, "changes nothing"),
}


@pytest.mark.parametrize(("answer", "by", "message"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_an_answer_that_will_not_do_leaves_the_question_open(
    desk: Desk, guard: Guard, answer: dict[str, Any], by: Principal, message: str
) -> None:
    """It is refused with the reason, nothing of it is kept, and the right one still counts.

    Who tried is on the record, once.
    """
    question = asked(desk)

    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            desk.answer(question, by, **answer)
    assert desk.states() == ["pending"]
    (refused,) = guard.ledger.records("t", "approval.refused")
    assert (refused.body["by"], refused.body["tool_call_id"]) == (
        by.id,
        question.value["tool_call_id"],
    )
    assert desk.answer(question, type="approve") is None
    assert desk.states() == ["approved"]
