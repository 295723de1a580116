"""Promise 4: a call that has ended or may have ended is not run again."""

import pytest
from tests.stories.answers import resume
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk
from tests.stories.doubts import accept_ends, again, doubtful, elapse, refuse_ends, the_call
from tests.stories.people import MANAGER

from bailiwick.policies.errors import LedgerError

UNKNOWN = "its outcome is not known"


def test_a_call_that_has_ended_is_not_run_again(desk: Desk) -> None:
    """Executed again from a checkpoint before it, it answers what it answered the first time."""
    thread = desk.billing()
    thread.answer(thread.ask())
    (first,) = thread.results()

    history = desk.engine.history(thread.app, thread.config)
    before = [each.config for each in history if "approval" in each.next]
    assert before
    for config in before:
        thread.run(None, MANAGER, config)
        assert thread.results() == [first]

    assert desk.refunded == [500]
    assert len(thread.records("call.started")) == 1


def test_who_is_asked_for_the_same_again_is_warned(desk: Desk) -> None:
    """The first refund was made, and nobody knows: who approves a second one should."""
    first = doubtful(desk)
    assert desk.refunded == [500]

    asked = desk.billing().ask(who=MANAGER)

    assert asked.value["args"] == the_call(first).args
    warning = f"an equal call, {the_call(first).key[:12]} in thread {first.id}, is in doubt"
    assert warning in asked.value["description"]
    desk.guard.calls.settle(the_call(first).key, "succeeded", by=MANAGER)
    assert "in doubt" not in desk.billing().ask().value["description"]


def test_an_outcome_that_could_not_be_written_down(desk: Desk, place: Place) -> None:
    """A refund whose end the ledger could not take is in doubt, and is not made again."""
    thread = desk.billing()
    interrupt = thread.ask()
    execute(place.ledger, *refuse_ends(place))
    try:
        with pytest.raises(LedgerError):
            thread.answer(interrupt)
    finally:
        execute(place.ledger, *accept_ends(place))
    assert desk.refunded == [500]

    for given in (None, resume(interrupt), None):
        thread.run(given, MANAGER)

    assert desk.refunded == [500]
    assert UNKNOWN in thread.said()
    assert desk.live_children() == []

    # It may still be under way, for all that anybody else knows; then the shop is asked.
    assert the_call(thread).state == "under_way"
    assert "may still be under way elsewhere" in again(thread)
    elapse(place, thread)
    assert the_call(thread).state == "in_doubt"
    assert again(thread).startswith("Refunded 5.00 EUR")
    assert desk.refunded == [500]
