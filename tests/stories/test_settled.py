"""Promise 4: what came of a call in doubt is found out once, by the system or by a person."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from tests.stories.databases import Place
from tests.stories.desk import Desk
from tests.stories.doubts import LOST, again, doubtful, elapse, the_call
from tests.stories.leasing import UNKNOWN, refunds
from tests.stories.outages import sealed
from tests.stories.people import CLERK, CUSTOMER, MANAGER, ORDER, REFUND, SECOND_MANAGER
from tests.stories.scripts import asks

from bailiwick.policies.errors import CallError
from bailiwick.policies.principals import Principal
from bailiwick.policies.settlements import Outcome
from bailiwick.tools.effects.reconciliations import reconcile
from bailiwick.tools.secrets.credentials import Credential

NOBODY = Principal(id="passer-by")


def test_a_tool_raises_after_the_effect(desk: Desk) -> None:
    """The refund is made and nobody knows: it is in doubt, and the model reads so."""
    thread = doubtful(desk)

    assert desk.refunded == [500]
    assert f"broke off (OSError: {LOST}): {UNKNOWN}" in thread.results()[0]
    assert [record.body["outcome"] for record in thread.records("call.ended")] == ["unknown"]
    assert desk.guard.calls.list(thread=thread.id, in_doubt=True) == (the_call(thread),)
    assert desk.live_children() == []


def test_the_shop_is_asked_before_a_person(desk: Desk) -> None:
    """Met again, the call has the result that the shop knows of; it is asked with a lease."""
    thread = doubtful(desk)
    said = again(thread)

    assert desk.refunded == [500]
    assert said.startswith("Refunded 5.00 EUR")
    call = the_call(thread)
    assert (call.state, call.settled_by, call.reason) == ("succeeded", None, "reconcile")
    assert len(thread.records("lease.granted")) == 2
    assert [record.body["outcome"] for record in thread.records("call.reconciled")] == ["succeeded"]
    assert again(thread) == said
    assert len(thread.records("call.reconciled")) == 1
    assert desk.live_children() == []
    assert desk.guard.ledger.verify(thread.id).is_sound


def test_the_shop_knows_of_nothing(desk: Desk, place: Place) -> None:
    """That is believed once the call can be under way no longer: until then it may still come."""
    thread = doubtful(desk, effect=False)
    assert UNKNOWN in again(thread)
    assert the_call(thread).state == "in_doubt"

    elapse(place, thread)
    assert "had no effect" in again(thread)

    assert the_call(thread).state == "failed"
    assert desk.refunded == []


def test_the_shop_cannot_be_asked(desk: Desk) -> None:
    """Without a credential nobody knows more than before."""
    thread = doubtful(desk)
    with sealed(desk.ground):
        assert UNKNOWN in again(thread)

    assert the_call(thread).state == "in_doubt"
    assert [record.body["outcome"] for record in thread.records("call.reconciled")] == ["unknown"]
    assert desk.refunded == [500]


@pytest.mark.parametrize(
    ("outcome", "said"), [("succeeded", "took effect"), ("failed", "had no effect")]
)
def test_a_person_settles_it(desk: Desk, outcome: Outcome, said: str) -> None:
    """What they found out is what everybody reads from then on, and it stays what it is."""
    thread = doubtful(desk)
    key = the_call(thread).key
    settled = desk.guard.calls.settle(key, outcome, by=MANAGER, reason="The bank says so.")

    assert (settled.state, settled.settled_by) == (outcome, "manager")
    answer = again(thread)
    assert said in answer
    assert "manager found out: The bank says so." in answer
    (record,) = thread.records("call.settled")
    assert record.body["by"] == "manager"
    assert record.body["outcome"] == outcome
    with pytest.raises(CallError, match=f"was settled as '{outcome}' by 'manager'"):
        desk.guard.calls.settle(key, "failed", by=SECOND_MANAGER)
    assert desk.refunded == [500]
    assert desk.guard.ledger.verify(thread.id).is_sound


def test_many_settle_it_at_once(desk: Desk) -> None:
    """One of them does; each of the others is told who did."""
    thread = doubtful(desk)
    key = the_call(thread).key
    people = [Principal(id=f"manager {n}", roles=MANAGER.roles) for n in range(16)]

    def settle(person: Principal) -> str:
        try:
            return str(desk.guard.calls.settle(key, "succeeded", by=person).settled_by)
        except CallError as error:
            return str(error)

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(settle, people))

    winner = the_call(thread).settled_by
    assert told.count(str(winner)) == 1
    assert sum(f"by {winner!r}" in each for each in told) == len(people) - 1
    assert len(thread.records("call.settled")) == 1


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (NOBODY, "takes the role 'manager'"),
        (CLERK, "takes the role 'manager'"),
        (Principal(id=CUSTOMER.id, roles=MANAGER.roles), "asked for 'issue_refund'"),
    ],
    ids=["nobody", "another role", "whoever asked"],
)
def test_who_may_not_settle_it(desk: Desk, who: Principal, why: str) -> None:
    """It takes what its approval took, and somebody else than whoever asked."""
    thread = doubtful(desk)
    with pytest.raises(CallError, match=why):
        desk.guard.calls.settle(the_call(thread).key, "failed", by=who)
    assert the_call(thread).state == "in_doubt"


def test_the_call_of_another_application(desk: Desk, place: Place) -> None:
    """Its tool has this one's agent and name, and the shop would say that nothing had happened."""

    def pay_elsewhere(credential: Credential) -> str:
        args = {"order_id": ORDER, "amount": Decimal(5)}
        desk.tools.issue_refund.call(args, credential, f"elsewhere {thread.id}")
        raise OSError(LOST)

    thread = desk.thread(desk.specialist(asks(REFUND), refunds(pay_elsewhere)))
    thread.answer(thread.ask())
    elapse(place, thread)
    key = the_call(thread).key

    for settle in (desk.proposals.reconcile, partial(desk.proposals.proposals.retry, by=MANAGER)):
        with pytest.raises(CallError, match="is another one than was called"):
            settle(key)

    assert the_call(thread).state == "in_doubt"
    assert thread.records("call.reconciled") == []
    assert len(thread.records("lease.granted")) == 1
    assert desk.refunded == [500]


def test_a_call_that_is_under_way(desk: Desk) -> None:
    """While it runs it is not in doubt, and nobody settles it."""
    seen: list[object] = []

    def look(_: Credential) -> str:
        call = the_call(thread)
        seen.append((call.state, desk.guard.calls.list(thread=thread.id, in_doubt=True)))
        with pytest.raises(CallError, match="may be under way until"):
            desk.guard.calls.settle(call.key, "failed", by=MANAGER)
        return "refunded"

    thread = desk.thread(desk.specialist(asks(REFUND), refunds(look)))
    thread.answer(thread.ask())

    assert seen == [("under_way", ())]
    assert the_call(thread).state == "succeeded"


def test_a_call_that_ends_after_it_was_settled(desk: Desk, place: Place) -> None:
    """What was settled stands; that it was wrong is on the record."""

    def settle(_: Credential) -> str:
        elapse(place, thread)
        desk.guard.calls.settle(the_call(thread).key, "failed", by=MANAGER)
        return "refunded"

    thread = desk.thread(desk.specialist(asks(REFUND), refunds(settle)))
    thread.answer(thread.ask())

    assert the_call(thread).state == "failed"
    (ended,) = thread.records("call.ended")
    assert (ended.body["outcome"], ended.body["late"]) == ("succeeded", True)


def test_four_workers_meet_one_call_in_doubt(desk: Desk) -> None:
    """Each asks the shop; one of them writes what it says, and all of them know."""
    thread = doubtful(desk)
    ask = partial(reconcile, desk.guard, the_call(thread))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, [desk.tools.issue_refund] * 4))

    assert {each.state for each in found} == {"succeeded"}
    outcomes = [record.body["outcome"] for record in thread.records("call.reconciled")]
    assert outcomes.count("succeeded") == 1
    assert desk.refunded == [500]
    assert desk.live_children() == []
