"""Questions that end without an answer in the thread: settled elsewhere, late, withdrawn."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from tests.tools.governed import CLERK, MANAGER, pay_tool, request
from tests.tools.people.asking.desk import MUCH, THREAD, Desk, asked, edit

from bailiwick.policies.answers import Approve, Edit, EditedAction
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.following import Next
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Toolset


def settle_elsewhere(guard: Guard) -> None:
    """Approve what is pending by other means than the thread."""
    (pending,) = guard.approvals.pending()
    guard.approvals.answer(
        pending.request.id, Approve(action_digest=pending.request.digest), by=MANAGER
    )


def cancel(guard: Guard) -> None:
    """Withdraw what is pending."""
    (pending,) = guard.approvals.pending()
    guard.approvals.cancel(pending.request.id, reason="not needed")


@pytest.mark.parametrize(
    ("settle", "step"),
    [
        (settle_elsewhere, Next(node="execute")),
        (cancel, ToolResult.refused("pay", "The request for its approval was withdrawn.")),
    ],
    ids=["approved", "withdrawn"],
)
def test_what_was_settled_elsewhere_is_not_asked_again(
    desk: Desk, guard: Guard, settle: Callable[[Guard], None], step: object
) -> None:
    """The record tells, not the interrupt."""
    asked(desk)
    settle(guard)
    with acting_as(CLERK):
        desk.graph.invoke(None, THREAD)

    assert desk.steps == [step]


@pytest.mark.parametrize(
    ("amount", "node", "state"), [("140", "execute", "approved"), ("240", "approval", "pending")]
)
def test_an_edit_on_the_record_that_changes_nothing_is_an_approval(
    desk: Desk, guard: Guard, amount: str, node: str, state: str
) -> None:
    """Only the tool can tell; the request that the edit has ended does not stand in its way."""
    asked(desk, request("pay", {"to": "shop", "amount": amount}))
    (pending,) = guard.approvals.pending()
    action = EditedAction(name="pay", args={"to": "shop", "amount": f"{amount}.00"})
    spelled = Edit(action_digest=pending.request.digest, edited_action=action)
    guard.approvals.answer(pending.request.id, spelled, by=MANAGER)
    with acting_as(CLERK):
        desk.graph.invoke(None, THREAD)

    (step,) = desk.steps
    assert isinstance(step, Next)
    assert (step.node, step.args) == (node, None)
    assert desk.states() == [state]
    assert [each.principal for each in guard.approvals.list()[0].grants] == ["manager"]
    # Who approves last is news once more, though the edit was news before.
    is_news = [each.approval for each in guard.approvals.outbox().list("t")]
    assert is_news == ([pending.request.id] if state == "approved" else [])


def test_a_question_that_nobody_answered_in_time_is_over(desk: Desk, sqlite_url: str) -> None:
    """By the database's clock; a late answer changes nothing."""
    question = asked(desk)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE approvals SET expires_at = 1")
        connection.commit()

    desk.answer(question, type="approve")
    assert desk.steps == [ToolResult.refused("pay", "Nobody answered in time.")]


def test_a_question_that_the_conversation_went_past_is_withdrawn(desk: Desk, guard: Guard) -> None:
    """Of this call alone, whatever policy asked it; what others wait for stays open."""
    asked(desk)
    asked(desk, request("pay", {"to": "shop", "amount": "140"}, "call-2"))
    toolset = Toolset(guard, [pay_tool([])], agent="billing")
    with acting_as(CLERK):
        result = toolset.withdraw(toolset.prepare(MUCH, THREAD, "message-1"))

    assert result.outcome == "refused"
    states = {each.request.tool_call_id: each.state for each in guard.approvals.list()}
    assert states == {"call-1": "cancelled", "call-2": "pending"}
    cancelled = next(guard.ledger.records("t", "approval.cancelled"))
    assert cancelled.body["reason"] == "the conversation went on without it"


def test_the_question_about_an_edited_call_is_withdrawn_too(desk: Desk, guard: Guard) -> None:
    """It is about the same call of the model's, with other arguments."""
    desk.answer(asked(desk), **edit(to="shop", amount="240"))
    toolset = Toolset(guard, [pay_tool([])], agent="billing")
    with acting_as(CLERK):
        toolset.withdraw(toolset.prepare(MUCH, THREAD, "message-1"))

    assert desk.states() == ["cancelled", "cancelled"]


def test_an_edited_call_that_ran_is_not_said_to_be_cancelled(desk: Desk, guard: Guard) -> None:
    """The money is gone, whatever became of the conversation."""
    toolset = Toolset(guard, [pay_tool([])], agent="billing")
    edited = request("pay", {"to": "shop", "amount": "40"})
    with acting_as(CLERK):
        toolset.run(toolset.prepare(edited, THREAD, "message-1"), THREAD)
        result = toolset.withdraw(toolset.prepare(MUCH, THREAD, "message-1"))

    assert desk.states() == []
    assert result == ToolResult(content="paid 40 to shop", outcome="succeeded")
