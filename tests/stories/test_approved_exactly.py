"""Promise 2: an approval is for exactly the call that was seen, by the right people, in time."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.types import interrupt
from pydantic import BeforeValidator, ValidationError
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk
from tests.stories.edits import edited
from tests.stories.people import CUSTOMER, MANAGER, REFUND, REQUEST, SECOND_MANAGER
from tests.stories.races import approve
from tests.stories.rules import GATE, changed_policy
from tests.stories.scripts import asks

from bailiwick.policies.calls import Effect
from bailiwick.tools import scoped_tool


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
    for amount in ("500.01", "99999.00"):
        thread = desk.billing()
        thread.answer(thread.ask(), kind="edit", **edited(amount))

        assert thread.denials()[-1]["rules"] == ["refund-over-the-limit"]
        assert "refund-over-the-limit" in thread.said()
        assert thread.is_done()
    assert desk.refunded == []


def test_an_edit_to_no_amount(desk: Desk) -> None:
    """What the tool itself would not take is no answer, and the question stays."""
    thread = desk.billing()
    interrupt = thread.ask()

    for amount in ("0.00", "-3.00", "NaN", "much"):
        with pytest.raises(ValidationError):
            thread.answer(interrupt, kind="edit", **edited(amount))

    assert desk.refunded == []
    assert thread.waiting_for_one().id == interrupt.id


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


AN_HOUR = (GATE, f'{GATE} @expires("1h")')


def let_pass_an_hour(place: Place) -> None:
    """Have every request be an hour and a second older, by the clock of its database."""
    execute(place.ledger, "UPDATE approvals SET expires_at = expires_at - 3601")


def test_an_answer_that_comes_a_second_too_late(desk: Desk, place: Place, tmp_path: Path) -> None:
    """What has expired can neither be answered nor run, and the thread goes on without it."""
    thread = desk.billing(changed_policy(tmp_path, AN_HOUR))
    interrupt = thread.ask()
    let_pass_an_hour(place)

    with suppress(ValueError):
        thread.answer(interrupt)
    thread.run(None, MANAGER)

    assert desk.refunded == []
    assert thread.is_done()
    assert "Nobody answered in time." in thread.said()


def test_an_approval_used_a_second_too_late(desk: Desk, place: Place, tmp_path: Path) -> None:
    """An approval that was given in time and is used after it expired runs nothing."""
    thread = desk.billing(changed_policy(tmp_path, AN_HOUR))
    interrupt = thread.ask()
    approve(desk, interrupt)
    let_pass_an_hour(place)

    with suppress(ValueError):
        thread.answer(interrupt)
    thread.run(None, MANAGER)

    assert desk.refunded == []


Cents = Annotated[Decimal, BeforeValidator(lambda euros: Decimal(str(euros)) * 100)]


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_arguments_that_read_otherwise_each_time(desk: Desk, *, is_wrapped: bool) -> None:
    """A manager would approve 500 and 50000 would be paid: nobody is asked, and nothing is."""
    paid: list[Decimal] = []

    def issue_refund(order_id: str, amount: Cents) -> str:
        """Refund."""
        paid.append(amount)
        return f"refunded {order_id}"

    declared = tool(issue_refund) if is_wrapped else issue_refund
    refund = scoped_tool(declared, effect="destructive")
    thread = desk.thread(desk.specialist(asks(REFUND), refund))
    thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)

    assert thread.waiting() == []
    assert paid == []
    assert "otherwise each time it is read" in thread.said()


@pytest.mark.parametrize("effect", ["read", "write", "destructive"])
@pytest.mark.parametrize("on_the_record", [True, False], ids=["on the record", "interrupt"])
def test_a_tool_that_asks_a_question_of_its_own(
    desk: Desk, effect: Effect, *, on_the_record: bool
) -> None:
    """The answer to the approval is none to the tool, which would take it for one."""
    done: list[object] = []

    @scoped_tool(effect=effect)
    def issue_refund(order_id: str, amount: Decimal) -> str:
        """Refund."""
        done.append(interrupt(f"really {amount} on {order_id}?"))
        return "refunded"

    thread = desk.thread(desk.specialist(asks(REFUND), issue_refund))
    question = thread.ask()
    if on_the_record:
        approve(desk, question)
    thread.answer(question)

    assert done == []
    assert "it cannot interrupt" in thread.said()
    assert thread.is_done()
