"""Promise 2: an approval runs one call, once, whatever is sent, replayed, copied or skipped."""

from contextlib import suppress
from itertools import product

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command
from tests.stories.answers import decision, resume
from tests.stories.databases import Place, copy_thread
from tests.stories.desk import Desk
from tests.stories.people import CUSTOMER, MANAGER, REFUND, REQUEST, SECOND_MANAGER
from tests.stories.scripts import asks


def test_an_approved_refund_is_made_once(desk: Desk) -> None:
    """The straight way, so that the attacks attack something that works."""
    thread = desk.thread()
    interrupt = thread.ask()
    assert desk.refunded == []

    thread.answer(interrupt)

    assert desk.refunded == [500]
    assert thread.is_done()


def test_a_double_click_on_an_answer_by_id(desk: Desk) -> None:
    """The same answer, by the same and by another manager, changes nothing more."""
    thread = desk.thread()
    interrupt = thread.ask()

    for who in (MANAGER, MANAGER, SECOND_MANAGER):
        thread.answer(interrupt, who)

    assert desk.refunded == [500]
    assert thread.is_done()


def test_runs_without_input_while_waiting(desk: Desk) -> None:
    """Whoever runs the thread on without an answer gets the question again."""
    thread = desk.thread()
    thread.ask()

    for who in (CUSTOMER, MANAGER):
        thread.run(None, who)

    assert desk.refunded == []
    assert len(thread.waiting()) == 1


def test_two_interrupts_and_one_answer(desk: Desk) -> None:
    """Of two refunds that wait, the answered one runs."""
    app = desk.specialist(asks(REFUND, REFUND), desk.tools.issue_refund)
    thread = desk.thread(app)
    thread.run({"messages": [HumanMessage(REQUEST)]})
    first, second = thread.waiting()

    with pytest.raises(RuntimeError, match="interrupt"):
        thread.run(Command(resume=decision(first)), MANAGER)
    assert desk.refunded == []
    thread.answer(first)
    thread.run(None, MANAGER)
    # LangGraph ends a step when all of it is answered: the approved one may wait for the other.
    assert desk.refunded in ([], [500])
    assert [each.id for each in thread.waiting()] == [second.id]

    thread.answer(second)
    assert desk.refunded == [500, 500]
    assert thread.is_done()


def test_a_copied_thread_approved_with_one_answer(desk: Desk, place: Place) -> None:
    """The copy has the same interrupt id, and yet the answer to the original is none to it."""
    thread = desk.thread()
    interrupt = thread.ask()
    copy = desk.thread()
    copy_thread(place.checkpoints, thread.id, copy.id)
    assert copy.waiting_for_one().id == interrupt.id

    thread.answer(interrupt)
    with pytest.raises(ValueError, match="another call"):
        copy.answer(interrupt)
    copy.run(None, MANAGER)

    assert desk.refunded == [500]


def test_a_copy_made_after_the_answer(desk: Desk, place: Place) -> None:
    """A thread copied with its answer, and with its result, refunds nothing again."""
    thread = desk.thread()
    interrupt = thread.ask()
    thread.answer(interrupt)

    copy = desk.thread()
    copy_thread(place.checkpoints, thread.id, copy.id)
    for config in thread.configs():
        place_in_thread = config.get("configurable", {})
        there: RunnableConfig = {"configurable": {**place_in_thread, "thread_id": copy.id}}
        copy.run(None, MANAGER, there)

    assert desk.refunded == [500]


def test_time_travel_to_every_checkpoint(desk: Desk) -> None:
    """Run again from every checkpoint there is, without and with the old answer."""
    thread = desk.thread()
    interrupt = thread.ask()
    thread.answer(interrupt)
    assert desk.refunded == [500]

    for config in thread.configs():
        for given in (None, resume(interrupt)):
            with suppress(ValueError):
                thread.run(given, MANAGER, config)

    assert desk.refunded == [500]


def test_time_travel_of_a_specialist_alone(desk: Desk) -> None:
    """The same where the specialist is the whole graph, which keeps its namespace when it forks."""
    thread = desk.billing()
    interrupt = thread.ask()
    thread.answer(interrupt)

    for config in thread.configs():
        for given in (None, resume(interrupt), Command(resume=decision(interrupt))):
            with suppress(ValueError):
                thread.run(given, MANAGER, config)

    assert desk.refunded == [500]


def test_time_travel_to_every_checkpoint_of_every_agent(desk: Desk) -> None:
    """Each agent below the supervisor has checkpoints of its own; whoever can serves them alone."""
    thread = desk.thread()
    interrupt = thread.ask()
    thread.answer(interrupt)
    alone = thread.under(desk.specialist(asks(REFUND), desk.tools.issue_refund))

    places = desk.engine.places(thread.config)
    below = [place for place in places if place.get("configurable", {})["checkpoint_ns"]]
    assert below
    for config, seen in product(below, (thread, alone)):
        with suppress(ValueError):
            seen.run(None, MANAGER, config)

    assert desk.refunded == [500]
