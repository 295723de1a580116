"""Whatever ends a request in the database reaches the model, and only an approval pays."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.graphs.till import (
    MANAGER,
    Till,
    delivered,
    let_expire,
)

from bailiwick.policies import Principal
from bailiwick.policies.answers import Answer, Edit, EditedAction, Reject, Respond
from bailiwick.policies.approvals import Approval

ENDINGS: dict[str, tuple[Callable[[str], Answer], str]] = {
    "reject": (
        lambda digest: Reject(action_digest=digest, message="not today"),
        "pay did not run. manager rejected it: not today",
    ),
    "respond": (
        lambda digest: Respond(action_digest=digest, message="paid by hand"),
        "paid by hand",
    ),
}


@pytest.mark.parametrize("kind", ENDINGS)
def test_every_answer_reaches_the_model(till: Till, kind: str) -> None:
    """Those that pay nothing, too."""
    (approval,) = till.ask()
    answer, told = ENDINGS[kind]
    till.guard.approvals.answer(approval.request.id, answer(approval.request.digest), by=MANAGER)
    assert delivered(till) == ["resumed"]
    assert till.said()[-2:] == [told, "It is done."]
    assert till.book.paid() == []


def test_a_cancelled_request_ends_in_a_refusal(till: Till) -> None:
    """An operator withdraws what nobody will answer."""
    (approval,) = till.ask()
    till.guard.approvals.cancel(approval.request.id, reason="the shop is closed")
    assert delivered(till) == ["resumed"]
    assert till.said()[-2:] == [
        "pay did not run. The request for its approval was withdrawn.",
        "It is done.",
    ]


def test_an_expired_request_ends_in_a_refusal(till: Till) -> None:
    """Nobody has to touch it: the next delivery finds it."""
    till.ask()
    let_expire(till.guard.ledger)
    assert delivered(till) == ["resumed"]
    assert till.said()[-2:] == ["pay did not run. Nobody answered in time.", "It is done."]


def test_an_approval_that_is_delivered_too_late_pays_nothing(till: Till) -> None:
    """It has expired as an unanswered one has."""
    till.approve(*till.ask())
    let_expire(till.guard.ledger)
    assert delivered(till) == ["resumed"]
    assert till.said()[-2] == "pay did not run. Its approval was not used in time."
    assert till.book.paid() == []


def edit(approval: Approval, **args: Any) -> Edit:  # noqa: ANN401 - of a tool
    """Return an answer that puts other arguments in place."""
    action = EditedAction(name="pay", args=args)
    return Edit(action_digest=approval.request.digest, edited_action=action)


def test_an_edit_counts_as_its_editor_s_approval(till: Till) -> None:
    """Though the run is the requester's: the editor's roles were kept with the answer."""
    (approval,) = till.ask()
    answer = edit(approval, to="shop", amount="120.00")
    till.guard.approvals.answer(approval.request.id, answer, by=MANAGER)
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "120.00")]
    assert till.is_done()


def test_an_edit_to_what_needs_nobody_runs(till: Till) -> None:
    """The rules allow it by themselves."""
    (approval,) = till.ask()
    answer = edit(approval, to="shop", amount="40.00")
    till.guard.approvals.answer(approval.request.id, answer, by=MANAGER)
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "40.00")]
    assert till.is_done()


def test_an_edit_that_needs_others_waits_for_them(till: Till) -> None:
    """The editor's answer counts, and only for what it is good for."""
    (approval,) = till.ask()
    answer = edit(approval, to="shop", amount="240.00")
    till.guard.approvals.answer(approval.request.id, answer, by=MANAGER)
    assert delivered(till) == ["resumed"]
    (edited,) = till.guard.approvals.pending("t")
    assert edited.request.requester == "customer"
    assert [grant.principal for grant in edited.grants] == ["manager"]
    for number in range(2):
        till.approve(edited, who=Principal(id=f"auditor-{number}", roles=frozenset({"auditor"})))
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "240.00")]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"to": "shop", "amount": "much"}, "manager gave it arguments that do not fit."),
        ({"to": "shop"}, "manager gave it arguments that do not fit."),
        ({"to": "shop", "amount": "900.00"}, "it is too much"),
    ],
    ids=["wrong", "missing", "forbidden"],
)
def test_an_edit_that_cannot_run_ends_in_a_refusal(
    till: Till, args: Mapping[str, Any], told: str
) -> None:
    """The thread goes on, and nothing was paid."""
    (approval,) = till.ask()
    till.guard.approvals.answer(approval.request.id, edit(approval, **args), by=MANAGER)
    assert delivered(till) == ["resumed"]
    assert told in till.said()[-2]
    assert till.is_done()
    assert till.book.paid() == []


def test_an_edit_that_changes_nothing_is_carried_on_as_an_approval(till: Till) -> None:
    """The call is the one that its editor wrote down in another spelling."""
    (approval,) = till.ask()
    spelled = edit(approval, to="shop", amount="140.00")
    till.guard.approvals.answer(approval.request.id, spelled, by=MANAGER)
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "140.00")]
    assert till.guard.approvals.get(approval.request.id).state == "consumed"


def test_two_edits_that_undo_each_other_end(till: Till) -> None:
    """The second leads back to a request that has ended: nothing runs on it, nor round for ever."""
    (first,) = till.ask()
    till.guard.approvals.answer(
        first.request.id, edit(first, to="shop", amount="240.00"), by=MANAGER
    )
    delivered(till)
    (second,) = till.guard.approvals.pending("t")
    auditor = Principal(id="auditor", roles=frozenset({"auditor"}))
    till.guard.approvals.answer(
        second.request.id, edit(second, to="shop", amount="140.00"), by=auditor
    )
    assert delivered(till) == ["resumed"]
    assert till.is_done()
    assert till.book.paid() == []
