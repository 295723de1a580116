"""Promise 2: an approval is for exactly the call that was seen, by the right people, in time."""

import time
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command
from pydantic import ValidationError
from tests.stories.desk import (
    CUSTOMER,
    MANAGER,
    SECOND_MANAGER,
    Desk,
)
from tests.stories.edits import edited
from tests.stories.rules import GATE, WHOLE_GATE, changed_policy

from bailiwick.policies.answers import ANSWERS
from bailiwick.tools.credentials import Credential
from bailiwick.tools.scoped import scoped_tool

MALFORMED: Mapping[str, Any] = {
    "true": True,
    "a word": "approve",
    "an empty answer": {},
    "no digest": {"type": "approve"},
    "another digest": {"type": "approve", "action_digest": "0" * 64},
    "an unknown type": {"type": "accept", "action_digest": "DIGEST"},
    "a second field": {"type": "approve", "action_digest": "DIGEST", "by": "manager"},
    "a legacy list of two": [{"type": "accept"}, {"type": "accept"}],
    "two decisions": {"decisions": [{"type": "approve"}, {"type": "approve"}]},
    "an edit without arguments": {"type": "edit", "action_digest": "DIGEST"},
    "a response without a message": {"type": "respond", "action_digest": "DIGEST"},
    "a digest in a list": {"type": "approve", "action_digest": ["DIGEST"]},
}


def test_malformed_answers(desk: Desk) -> None:
    """Nothing of them is kept, nothing runs, and the right answer still does what it says."""
    thread = desk.billing()
    interrupt = thread.ask()

    for answer in MALFORMED.values():
        given: Any = answer
        if isinstance(given, dict) and given.get("action_digest") == "DIGEST":
            given = {**given, "action_digest": interrupt.value["action_digest"]}
        for sent in ({interrupt.id: given}, given):
            with suppress(ValueError):
                thread.run(Command(resume=sent), MANAGER)
        assert thread.waiting_for_one().id == interrupt.id, answer
    assert desk.refunded == []

    thread.answer(interrupt)
    assert desk.refunded == [500]
    assert thread.is_done()


def test_a_rejected_refund(desk: Desk) -> None:
    """Nothing runs, the model reads why, and no later approval brings it back."""
    thread = desk.billing()
    interrupt = thread.ask()

    thread.answer(interrupt, kind="reject", message="the lamp is not broken")
    with suppress(ValueError):
        thread.answer(interrupt)

    assert desk.refunded == []
    assert "the lamp is not broken" in thread.said()
    assert thread.is_done()


def test_a_person_answers_in_the_tools_place(desk: Desk) -> None:
    """The model reads the person's answer, and the tool does not run."""
    thread = desk.billing()

    thread.answer(thread.ask(), kind="respond", message="It has been paid in cash.")

    assert desk.refunded == []
    assert "It has been paid in cash." in thread.said()


def test_an_edit_to_an_allowed_amount(desk: Desk) -> None:
    """The edited call runs, and the model's does not."""
    thread = desk.billing()

    thread.answer(thread.ask(), kind="edit", **edited("3.50"))

    assert desk.refunded == [350]
    assert thread.is_done()


def test_an_edit_to_a_forbidden_amount(desk: Desk) -> None:
    """An edit goes through policy like any call: no manager can lift the limit."""
    for amount in ("500.01", "99999.00", "0.00", "-3.00"):
        thread = desk.billing()
        with suppress(ValueError):
            thread.answer(thread.ask(), kind="edit", **edited(amount))

    assert desk.refunded == []


def test_an_edit_that_is_no_edit_of_this_call(desk: Desk) -> None:
    """An edit keeps the tool, states its arguments and changes something."""
    thread = desk.billing()
    interrupt = thread.ask()

    actions: list[dict[str, Any]] = [
        edited("4.00", tool="look_up_order"),
        edited("4.00", tool=""),
        edited("4.00", note="and all the rest"),
        edited("5.00"),
        {"edited_action": {"name": "issue_refund", "args": {}}},
        {"edited_action": {"name": "issue_refund", "args": {"amount": "4.00"}}},
    ]
    for action in actions:
        with pytest.raises(ValidationError):
            thread.answer(interrupt, kind="edit", **action)
    assert desk.refunded == []

    thread.answer(interrupt)
    assert desk.refunded == [500]


def test_the_edited_call_and_the_original_are_not_both_made(desk: Desk) -> None:
    """After an edit the model's call cannot be approved any more."""
    thread = desk.billing()
    interrupt = thread.ask()

    thread.answer(interrupt, kind="edit", **edited("3.50"))
    for who in (MANAGER, SECOND_MANAGER):
        with suppress(ValueError):
            thread.answer(interrupt, who)

    assert desk.refunded == [350]


def test_an_answer_that_comes_a_second_too_late(desk: Desk, tmp_path: Path) -> None:
    """What has expired can neither be answered nor run, and the thread goes on without it."""
    policy = changed_policy(tmp_path, (GATE, f'{GATE} @expires("1s")'))
    thread = desk.billing(policy)
    interrupt = thread.ask()
    time.sleep(1.1)

    with suppress(ValueError):
        thread.answer(interrupt)
    thread.run(None, MANAGER)

    assert desk.refunded == []
    assert thread.is_done()
    assert "Nobody answered in time." in thread.said()


def test_an_approval_used_a_second_too_late(desk: Desk, tmp_path: Path) -> None:
    """An approval that was given in time and is used after it expired runs nothing."""
    policy = changed_policy(tmp_path, (GATE, f'{GATE} @expires("1s")'))
    thread = desk.billing(policy)
    interrupt = thread.ask()
    answer = desk.guard.approvals.get(interrupt.value["id"])
    assert answer.state == "pending"
    answer_in_time(desk, interrupt.value)
    time.sleep(1.1)

    with suppress(ValueError):
        thread.answer(interrupt)
    thread.run(None, MANAGER)

    assert desk.refunded == []


def test_the_gate_is_gone_and_the_answer_is_no(desk: Desk, tmp_path: Path) -> None:
    """A policy without the gate, deployed while a call waits, does not turn a no into a yes."""
    thread = desk.thread()
    interrupt = thread.ask()
    ungated = thread.under(desk.deploy(policy=changed_policy(tmp_path, (WHOLE_GATE, ""))))

    with suppress(ValueError):
        ungated.answer(interrupt, kind="reject", message="no")
    ungated.run(None, MANAGER)

    assert desk.refunded == []


def test_the_gate_is_gone_and_nobody_has_answered(desk: Desk, tmp_path: Path) -> None:
    """What waited for a person does not run because the question is gone."""
    thread = desk.thread()
    thread.ask()
    policy = changed_policy(tmp_path, (WHOLE_GATE, ""))

    thread.under(desk.deploy(policy=policy)).run(None, CUSTOMER)

    assert desk.refunded == []


def test_the_policy_is_tightened_while_a_call_waits(desk: Desk, tmp_path: Path) -> None:
    """The rules at execution count, not those at the question."""
    thread = desk.thread()
    interrupt = thread.ask()
    policy = changed_policy(tmp_path, ("amount > 50000", "amount > 100"))
    tightened = thread.under(desk.deploy(policy=policy))

    with suppress(ValueError):
        tightened.answer(interrupt)
    tightened.run(None, MANAGER)

    assert desk.refunded == []
    assert "refund-over-the-limit" in tightened.said()


def test_the_tools_source_changes_while_a_call_waits(desk: Desk) -> None:
    """An approval of one version of a tool is none of another: it is asked anew."""
    thread = desk.thread()
    interrupt = thread.ask()

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund an amount on an order, and as much again as a gift."""
        tool = desk.tools.issue_refund
        for _ in range(2):
            tool.call({"order_id": order_id, "amount": amount}, credential)
        return "Refunded twice."

    redeployed = thread.under(desk.deploy(refund=issue_refund))
    with pytest.raises(ValidationError, match="another call"):
        redeployed.answer(interrupt)
    redeployed.run(None, MANAGER)
    assert desk.refunded == []

    anew = redeployed.waiting_for_one()
    assert anew.value["action_digest"] != interrupt.value["action_digest"]
    redeployed.answer(anew)
    assert desk.refunded == [500, 500]


def answer_in_time(desk: Desk, shown: Mapping[str, Any]) -> None:
    """Approve a request in the database, outside of the conversation."""
    approve = {"type": "approve", "action_digest": shown["action_digest"]}
    desk.guard.approvals.answer(shown["id"], ANSWERS.validate_python(approve), by=MANAGER)
