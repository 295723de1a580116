"""Promises 2 and 4: a run breaks off in an approved call, and other code carries it on."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk, Thread
from tests.stories.doubts import accept_ends, elapse, refuse_ends, the_call
from tests.stories.people import MANAGER, REFUND
from tests.stories.races import approve
from tests.stories.rules import REWORDED, changed_policy
from tests.stories.scripts import asks

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.secrets.credentials import Credential

Deployed = Callable[[Desk], list[ScopedTool]]


@pytest.fixture
def broken(desk: Desk, place: Place) -> Thread:
    """Return a thread whose run broke off between a refund and the record of it."""
    thread = desk.thread(desk.specialist(asks(REFUND), desk.tools.issue_refund))
    break_off(thread, place, "call.ended")
    assert desk.refunded == [500]
    elapse(place, thread)
    return thread


def break_off(thread: Thread, place: Place, kind: str) -> None:
    """Approve what a thread asks, and have its run break off at a record of this kind."""
    interrupt = thread.ask()
    execute(place.ledger, *refuse_ends(place, kind))
    try:
        with pytest.raises(LedgerError):
            thread.answer(interrupt)
    finally:
        execute(place.ledger, *accept_ends(place))


def with_an_argument_more(desk: Desk) -> list[ScopedTool]:
    """Return a refund tool that takes a note, too; it tells the shop nothing of earlier tries."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(
        order_id: str, amount: Decimal, note: str = "", *, credential: Credential
    ) -> str:
        """Refund an amount on an order, with a note."""
        args = {"order_id": order_id, "amount": amount}
        return str(desk.tools.issue_refund.call(args, credential, f"again {note}"))

    return [issue_refund]


def with_another_type(desk: Desk) -> list[ScopedTool]:
    """Return a refund tool that reads its amount otherwise."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: str, *, credential: Credential) -> str:
        """Refund an amount on an order."""
        args = {"order_id": order_id, "amount": Decimal(amount)}
        return str(desk.tools.issue_refund.call(args, credential, "again"))

    return [issue_refund]


def with_what_was_not_said(_: Desk) -> list[ScopedTool]:
    """Return a refund tool that the call does not fit any more."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, why: str, *, credential: Credential) -> str:
        """Refund an amount on an order, for a reason."""
        raise AssertionError((order_id, amount, why, credential))

    return [issue_refund]


def without_it(desk: Desk) -> list[ScopedTool]:
    """Return tools among which there is none for refunds."""
    return [desk.tools.register_return]


@pytest.mark.parametrize(
    "tools", [with_an_argument_more, with_another_type, with_what_was_not_said, without_it]
)
def test_what_was_refunded_is_not_refunded_by_another_tool(
    desk: Desk, broken: Thread, tools: Deployed
) -> None:
    """Nobody is asked again, and the model reads that the outcome is unknown."""
    redeployed = broken.under(desk.specialist(asks(REFUND), *tools(desk)))
    redeployed.run(None, MANAGER)

    assert desk.refunded == [500]
    assert redeployed.is_done()
    assert "its outcome is not known" in redeployed.results()[0]
    assert len(broken.records("approval.requested")) == 1
    assert the_call(broken).state == "in_doubt"


def test_what_was_refunded_is_not_asked_about_under_other_words(
    desk: Desk, broken: Thread, tmp_path: Path
) -> None:
    """The shop is asked instead, as under the old ones."""
    policy = changed_policy(tmp_path, REWORDED)
    redeployed = broken.under(desk.specialist(asks(REFUND), desk.tools.issue_refund, policy=policy))
    redeployed.run(None, MANAGER)

    assert desk.refunded == [500]
    assert redeployed.results()[0].startswith("Refunded 5.00 EUR")
    assert len(broken.records("approval.requested")) == 1


@pytest.mark.parametrize("in_thread", [True, False], ids=["in the thread", "on the record"])
def test_what_was_approved_and_did_not_begin_is_asked_anew(
    desk: Desk, place: Place, tmp_path: Path, *, in_thread: bool
) -> None:
    """LangGraph gives the old answer again: it is passed over, and the new question can be read."""
    script, tool = asks(REFUND), desk.tools.issue_refund
    thread = desk.thread(desk.specialist(script, tool))
    break_off(thread, place, "call.started")
    policy = changed_policy(tmp_path, REWORDED)
    redeployed = thread.under(desk.specialist(script, tool, policy=policy))
    for _ in range(2):
        redeployed.run(None, MANAGER)
    assert desk.refunded == []

    interrupt = redeployed.waiting_for_one()
    assert "refunds move money" in str(interrupt.value["reason"])
    if in_thread:
        redeployed.answer(interrupt)
    else:
        approve(desk, interrupt)
        redeployed.run(None, MANAGER)
    assert desk.refunded == [500]
    assert redeployed.is_done()
