"""Promise 4: what a thread has done is undone newest first, each call by itself, and once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from langchain_core.messages import HumanMessage
from tests.stories.desk import Desk, Thread
from tests.stories.doubts import proposed, undo
from tests.stories.engines import AsyncEngine
from tests.stories.people import CUSTOMER, MANAGER
from tests.stories.scripts import asks

from bailiwick.graphs.outbox.deliveries import adeliver, deliver
from bailiwick.policies.answers import Approve
from bailiwick.policies.principals import Principal

ORDERS = ("A-1001", "A-1002", "A-1005")


@pytest.fixture
def thread(desk: Desk) -> Thread:
    """Give a thread in which three returns were registered, none of which stood before."""
    for order in ORDERS:
        if on(desk, order):
            desk.shop.cancel_return(order)
    calls = [("register_return", {"order_id": order}) for order in ORDERS]
    tools = (desk.tools.check_return_window, desk.tools.register_return)
    thread = desk.thread(desk.specialist(asks(*calls), *tools, name="returns"))
    thread.run({"messages": [HumanMessage("Register these returns.")]})
    assert registered(desk) == set(ORDERS)
    return thread


def on(desk: Desk, order: str) -> bool:
    """Tell whether the return of an order stands at the shop."""
    return order in registered(desk)


def registered(desk: Desk) -> set[str]:
    """Return the orders whose return stands at the shop."""
    return {each.order_id for each in desk.shop.returns() if each.cancelled_at is None}


def test_a_thread_that_did_nothing(desk: Desk) -> None:
    """There is nothing to propose, and nothing is."""
    thread = desk.billing()
    thread.ask()
    assert undo(thread) == []
    assert thread.records("proposal.made") == []


def test_newest_first_each_after_the_one_before(desk: Desk, thread: Thread) -> None:
    """The manager is asked for one at a time; each is decided, leased and recorded like any."""
    made = undo(thread)
    undoing = proposed(desk, made[0].thread)
    done = [str(call.args["order_id"]) for call in desk.guard.calls.list(thread=thread.id)]

    undone: list[str] = []
    while waiting := undoing.waiting():
        (interrupt,) = waiting
        assert interrupt.value["requester"] == CUSTOMER.id
        undone.append(interrupt.value["args"]["order_id"])
        left = registered(desk)
        undoing.answer(interrupt)
        assert left - registered(desk) == {undone[-1]}

    assert registered(desk) == set()
    assert sorted(undone) == sorted(done)
    ended = {
        str(call.args["order_id"]): call.ended_at or 0
        for call in desk.guard.calls.list(thread=thread.id)
    }
    assert undone == sorted(undone, key=ended.__getitem__, reverse=True)
    assert len(undoing.records("lease.granted")) == len(ORDERS)
    assert len(undoing.records("approval.consumed")) == len(ORDERS)
    assert [record.body["thread"] for record in thread.records("proposal.made")] == [undoing.id] * 3
    assert desk.live_children() == []
    assert desk.guard.ledger.verify().is_sound


def test_twice(desk: Desk, thread: Thread) -> None:
    """The second time nothing is left; not while the first waits, and not when it is done."""
    undoing = proposed(desk, undo(thread)[0].thread)
    assert undo(thread) == []
    while waiting := undoing.waiting():
        undoing.answer(waiting[0])

    assert undo(thread) == []
    assert registered(desk) == set()
    cancelled = [each for each in desk.shop.returns() if each.cancelled_at is not None]
    assert len(undoing.records("call.started")) == len(ORDERS) <= len(cancelled)


def test_one_is_rejected(desk: Desk, thread: Thread) -> None:
    """What comes after it is not asked for; undone again, exactly what is left is proposed."""
    undoing = proposed(desk, undo(thread)[0].thread)
    first = undoing.waiting_for_one()
    undoing.answer(first)
    second = undoing.waiting_for_one()
    undoing.answer(second, kind="reject", message="the courier is on the way")
    assert undoing.is_done()
    left = registered(desk)
    assert len(left) == len(ORDERS) - 1

    again = undo(thread)
    assert {str(each.args["order_id"]) for each in again} == left
    undoing = proposed(desk, again[0].thread)
    while waiting := undoing.waiting():
        undoing.answer(waiting[0])
    assert registered(desk) == set()
    assert undo(thread) == []


def test_many_want_it_undone_at_once(desk: Desk, thread: Thread) -> None:
    """One of them proposes all of it, the others nothing."""

    def propose(n: int) -> int:
        requester = Principal(id=f"clerk {n}")
        return len(desk.proposals.proposals.undo(thread.id, requester=requester).made)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(propose, range(8)))

    assert sorted(made) == [*[0] * 7, len(ORDERS)]


def test_its_process_dies_before_it_begins(desk: Desk, thread: Thread) -> None:
    """What was proposed stands; whoever wants it undone again carries it on."""
    (first, *_) = desk.proposals.proposals.undo(thread.id, requester=CUSTOMER).made
    undoing = proposed(desk, first.thread)
    assert undoing.messages() == []

    assert undo(thread) == []
    assert undoing.waiting_for_one().value["args"] == first.args


def test_it_is_approved_in_the_database(desk: Desk, thread: Thread) -> None:
    """The outbox of proposals carries its thread on, and no other outbox does."""
    undoing = proposed(desk, undo(thread)[0].thread)
    (asked,) = desk.guard.approvals.pending(undoing.id)
    answer = Approve(action_digest=asked.request.digest)
    desk.guard.approvals.answer(asked.request.id, answer, by=MANAGER)
    before = registered(desk)

    assert outbox(desk, thread, undoing.id) == []
    assert registered(desk) == before
    governed = replace(desk, guard=desk.proposals.guard)
    assert outbox(governed, undoing, undoing.id) == ["resumed"]
    assert len(registered(desk)) == len(ORDERS) - 1


def outbox(desk: Desk, thread: Thread, only: str) -> list[str]:
    """Deliver what is due for one thread; return what came of it."""
    if isinstance(desk.engine, AsyncEngine):
        reports = desk.engine.loop.run(adeliver(thread.app, desk.guard, thread=only))
    else:
        reports = deliver(thread.app, desk.guard, thread=only)
    return [report.outcome for report in reports]
