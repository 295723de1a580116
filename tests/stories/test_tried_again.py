"""Promise 4: a call in doubt is tried again with a fresh approval alone, and never done twice."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import RetryPolicy
from pydantic import ValidationError
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk, Thread
from tests.stories.doubts import (
    accept_ends,
    doubtful,
    proposed,
    refuse_ends,
    retry,
    the_call,
)
from tests.stories.doubts import again as executed_again
from tests.stories.people import CUSTOMER, MANAGER, REFUND, SECOND_MANAGER
from tests.stories.rules import WHOLE_GATE, changed_policy

from bailiwick.graphs.proposals import ProposalDesk
from bailiwick.policies.answers import Approve
from bailiwick.policies.errors import CallError
from bailiwick.policies.principals import Principal
from bailiwick.tools.guard import Guard


def test_it_takes_an_approval_of_its_own(desk: Desk) -> None:
    """Proposed, it waits for a manager; whoever asked the first time is who asks."""
    thread = doubtful(desk, effect=False)
    proposal = retry(thread)
    again = proposed(desk, proposal.thread)

    assert desk.refunded == []
    call = the_call(thread)
    assert (call.state, call.settled_by) == ("retried", "manager")
    assert "manager wants it tried again, in a thread of its own" in executed_again(thread)
    interrupt = again.waiting_for_one()
    assert interrupt.value["requester"] == CUSTOMER.id
    assert f"another try of call {call.key[:12]}" in interrupt.value["description"]
    with pytest.raises(ValueError, match="may not"):
        again.answer(interrupt, Principal(id=CUSTOMER.id, roles=MANAGER.roles))
    again.answer(interrupt, SECOND_MANAGER)

    assert desk.refunded == [500]
    assert the_call(again).state == "succeeded"
    assert the_call(thread).state == "retried"
    (made,) = thread.records("proposal.made")
    assert made.body["thread"] == again.id
    assert again.is_done()
    assert desk.guard.ledger.verify(again.id).is_sound


def test_the_shop_tells_it_from_a_second_refund(desk: Desk) -> None:
    """The refund had been made: with the same key the shop makes no other."""
    thread = doubtful(desk)
    again = proposed(desk, retry(thread).thread)
    again.answer(again.waiting_for_one())

    assert (desk.asked, desk.paid) == (2, [500])
    assert "Refunded 5.00 EUR" in again.said()
    assert the_call(again).idempotency_key == the_call(thread).idempotency_key


@pytest.mark.parametrize("kind", ["reject", "respond"])
def test_it_comes_to_nothing(desk: Desk, kind: str) -> None:
    """Where nobody agrees, the call is in doubt as before, and may be tried again."""
    thread = doubtful(desk)
    again = proposed(desk, retry(thread).thread)
    again.answer(again.waiting_for_one(), kind=kind, message="not today")

    assert the_call(thread).state == "in_doubt"
    (dropped,) = thread.records("proposal.dropped")
    assert dropped.body["in_doubt"] is True
    another = proposed(desk, retry(thread).thread)
    another.answer(another.waiting_for_one())
    assert the_call(thread).state == "retried"
    assert (desk.asked, desk.paid) == (2, [500])


def test_its_amount_is_edited(desk: Desk) -> None:
    """The key stays: the shop refuses it for another amount, and the call stays in doubt."""
    thread = doubtful(desk)
    again = proposed(desk, retry(thread).thread)
    action = {"name": "issue_refund", "args": {**REFUND[1], "amount": "4.00"}}
    again.answer(again.waiting_for_one(), kind="edit", edited_action=action)
    again.run(None)

    assert desk.refunded == [500]
    assert the_call(again).state == "failed"
    assert the_call(thread).state == "in_doubt"


def test_two_people_want_it_at_once(desk: Desk) -> None:
    """One of them proposes it; the other is told who did."""
    thread = doubtful(desk)
    key = the_call(thread).key

    def propose(person: Principal) -> str:
        try:
            return desk.proposals.proposals.retry(key, by=person, requester=CUSTOMER).thread
        except CallError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(propose, [MANAGER, SECOND_MANAGER]))

    assert sum("is tried again, as" in each for each in told) == 1
    assert len(thread.records("proposal.made")) == 1


def test_two_processes_begin_it_at_once(desk: Desk) -> None:
    """Whoever begins its thread, and however often what it asks is approved: one refund."""
    thread = doubtful(desk, effect=False)
    proposal = desk.proposals.proposals.retry(the_call(thread).key, by=MANAGER, requester=CUSTOMER)
    again = proposed(desk, proposal.thread)
    again.run_together(*[again.as_run({"messages": []}) for _ in range(2)])
    for asked in desk.guard.approvals.pending(again.id):
        approve = Approve(action_digest=asked.request.digest)
        desk.guard.approvals.answer(asked.request.id, approve, by=MANAGER)
    for _ in range(3):
        again.run_together(*[again.as_run(None) for _ in range(2)])
        for interrupt in again.waiting():
            with suppress(ValidationError):
                again.answer(interrupt)

    assert desk.refunded == [500]


def test_no_rule_would_ask(desk: Desk, tmp_path: Path) -> None:
    """A second try that nobody has to agree to is none: it is refused."""
    thread = doubtful(desk)
    policy = changed_policy(tmp_path / "rules", (WHOLE_GATE, ""))
    guard = Guard(policy=policy, ledger=desk.guard.ledger, vault=desk.guard.vault)
    free = ProposalDesk(guard, {"billing": [desk.tools.issue_refund]})

    with pytest.raises(CallError, match="no rule asks for an approval"):
        free.proposals.retry(the_call(thread).key, by=MANAGER, requester=CUSTOMER)
    assert the_call(thread).state == "in_doubt"


def test_the_rule_that_asks_is_gone_by_then(desk: Desk, tmp_path: Path) -> None:
    """What was proposed under it does not run without it."""
    thread = doubtful(desk, effect=False)
    proposal = desk.proposals.proposals.retry(the_call(thread).key, by=MANAGER, requester=CUSTOMER)
    policy = changed_policy(tmp_path / "rules", (WHOLE_GATE, ""))
    guard = Guard(policy=policy, ledger=desk.guard.ledger, vault=desk.guard.vault)
    free = ProposalDesk(guard, {"billing": [desk.tools.issue_refund]})
    later = replace(proposed(desk, proposal.thread), app=free.compile(desk.engine.checkpointer))
    later.run({"messages": []})

    assert desk.refunded == []
    assert the_call(thread).state == "in_doubt"


def test_a_users_retry_policy_runs_nothing_twice(desk: Desk, place: Place) -> None:
    """LangGraph runs a node again whose outcome could not be written; the refund is not."""
    execute(place.ledger, *refuse_ends(place))
    try:
        (tool,) = desk.guard.bind([desk.tools.issue_refund], agent="billing")
        graph = StateGraph(MessagesState)
        policy = RetryPolicy(max_attempts=3, initial_interval=0.01, retry_on=Exception)
        graph.add_node("tools", ToolNode([tool], handle_tool_errors=False), retry_policy=policy)
        graph.set_entry_point("tools")
        thread = Thread(desk=desk, app=graph.compile(checkpointer=desk.engine.checkpointer))
        call = {"name": REFUND[0], "args": REFUND[1], "id": "call-1"}
        thread.run({"messages": [AIMessage("", tool_calls=[call], id="asks")]})
        thread.answer(thread.waiting_for_one())
    finally:
        execute(place.ledger, *accept_ends(place))

    assert desk.refunded == [500]
    assert "may still be under way elsewhere" in thread.said()
