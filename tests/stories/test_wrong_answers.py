"""Promise 2: an answer that is not quite one counts for nothing, and spoils nothing."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.types import Command
from tests.stories.answers import decision
from tests.stories.desk import Desk, Thread
from tests.stories.edits import edited
from tests.stories.people import MANAGER
from tests.stories.ways import ONE_OF_EACH

from bailiwick.policies.answers import ANSWERS

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


JSON = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
"""Anything that can be sent, but for `null`: LangGraph takes a resume with that for none."""

RIGHT: Mapping[str, dict[str, Any]] = {
    "approve": {},
    "edit": edited("4.00"),
    "reject": {"message": "no"},
    "respond": {"message": "It has been paid in cash."},
}
"""What each right answer holds beside its type and digest."""


@pytest.fixture(scope="module")
def waiting(open_desk_of_module: Desk) -> Thread:
    """Give a thread that waits, and that no wrong answer brings to its end."""
    thread = open_desk_of_module.billing()
    thread.ask()
    return thread


@pytest.fixture
def thread(waiting: Thread, desk: Desk) -> Thread:
    """Give that thread, with the effects counted from now on."""
    return replace(waiting, desk=desk)


SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
"""All examples are sent to one thread: that they leave it as it was is what is tried."""


@st.composite
def nearly_right(draw: st.DrawFn) -> dict[str, Any]:
    """Return a right answer, to the digest DIGEST, with one thing wrong."""
    kind = draw(st.sampled_from(list(RIGHT)))
    answer = {"type": kind, "action_digest": "DIGEST", **RIGHT[kind]}
    # A rejection need not say why.
    names = [name for name in answer if (kind, name) != ("reject", "message")]
    match draw(st.sampled_from(["without", "with", "otherwise"])):
        case "without":
            del answer[draw(st.sampled_from(names))]
        case "with":
            answer[
                draw(st.text().filter(lambda name: name not in answer and name != "message"))
            ] = draw(JSON)
        case _:
            answer[draw(st.sampled_from(names))] = draw(
                JSON.filter(lambda value: not isinstance(value, str))
            )
    return answer


def send(thread: Thread, answer: object) -> None:
    """Send an answer with the interrupt's id and without; find that it counts for nothing."""
    interrupt = thread.waiting_for_one()
    if isinstance(answer, dict) and answer.get("action_digest") == "DIGEST":
        answer = {**answer, "action_digest": interrupt.value["action_digest"]}
    for sent in ({interrupt.id: answer}, answer):
        with suppress(ValueError):
            thread.run(Command(resume=sent), MANAGER)
    assert [each.id for each in thread.waiting()] == [interrupt.id]
    assert thread.desk.refunded == []


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=list(MALFORMED))
@ONE_OF_EACH
def test_an_answer_of_the_wrong_form(thread: Thread, answer: object) -> None:
    """Nothing of it is kept and nothing runs."""
    send(thread, answer)


@ONE_OF_EACH
@given(answer=JSON | nearly_right())
@settings(max_examples=40, deadline=None, suppress_health_check=SHARED)
def test_an_answer_that_is_nearly_right(thread: Thread, answer: object) -> None:
    """Whatever is made up, or missing, or too much."""
    send(thread, answer)


UNKEEPABLE: Mapping[str, tuple[str, dict[str, Any]]] = {
    "half a character": ("reject", {"message": "no \ud800"}),
    "no number": ("edit", edited(float("nan"))),
    "an endless number": ("edit", edited(float("inf"))),
    "a number of too many digits": ("edit", edited(10**5000)),
}
"""Kinds of answers, with what no database and no reader of JSON can hold."""


@pytest.mark.parametrize("name", UNKEEPABLE)
@ONE_OF_EACH
def test_an_answer_that_nobody_could_read_again(desk: Desk, name: str) -> None:
    """It is refused by thread and by record, and every inbox can be read as before."""
    kind, fields = UNKEEPABLE[name]
    thread = desk.billing()
    interrupt = thread.ask()
    approvals = desk.guard.approvals

    with pytest.raises(ValueError, match=r"JSON|amount"):
        thread.answer(interrupt, kind=kind, **fields)
    with pytest.raises(ValueError, match="JSON"):
        approvals.answer(
            interrupt.value["id"],
            ANSWERS.validate_python(decision(interrupt, kind, **fields)),
            by=MANAGER,
        )

    assert [each.request.thread for each in approvals.list()][-1] == thread.id
    thread.answer(thread.waiting_for_one())
    assert desk.refunded == [500]


def test_the_right_answer_after_wrong_ones(desk: Desk) -> None:
    """It still does what it says."""
    thread = desk.billing()
    interrupt = thread.ask()
    for answer in MALFORMED.values():
        send(thread, answer)

    thread.answer(interrupt)

    assert desk.refunded == [500]
    assert thread.is_done()
