"""Promise 2: an approval is given by the right people, and nobody counts twice."""

from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from langgraph.types import Command
from pydantic import ValidationError
from tests.stories.answers import decision
from tests.stories.desk import Desk
from tests.stories.edits import edited
from tests.stories.people import CLERK, CUSTOMER, MANAGER, SECOND_MANAGER
from tests.stories.races import approve
from tests.stories.rules import GATE, changed_policy

from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal

NOBODY = Principal(id="somebody")


def test_somebody_without_the_role_approves(desk: Desk) -> None:
    """It takes the role, and who has it stands in no payload."""
    thread = desk.billing()
    interrupt = thread.ask()

    for who, kind in product((CUSTOMER, CLERK, NOBODY), ("approve", "reject")):
        with pytest.raises(ValidationError, match="may not answer"):
            thread.answer(interrupt, who, kind)

    assert desk.refunded == []
    thread.answer(interrupt)
    assert desk.refunded == [500]


def test_the_requester_approves(desk: Desk) -> None:
    """A manager who asks for a refund needs another manager."""
    thread = desk.billing()
    interrupt = thread.ask(who=MANAGER)

    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(interrupt, MANAGER)
    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(interrupt, MANAGER, "edit", **edited("4.00"))
    with pytest.raises(ApprovalError, match="may not approve it"):
        approve(desk, interrupt)
    assert desk.refunded == []

    thread.answer(interrupt, SECOND_MANAGER)
    assert desk.refunded == [500]


def test_the_requester_approves_after_somebody_else_ran_the_thread_on(desk: Desk) -> None:
    """Who asked first stays the requester, whoever drives the thread later."""
    thread = desk.billing()
    interrupt = thread.ask(who=MANAGER)

    thread.run(None, CUSTOMER)
    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(interrupt, MANAGER)

    assert desk.refunded == []


def test_the_requester_approves_under_another_spelling(desk: Desk) -> None:
    """One identity service composes an accented letter, another one does not: one person."""
    role = frozenset({"manager"})
    thread = desk.billing()
    interrupt = thread.ask(who=Principal(id="ren\u00e9", roles=role))

    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(interrupt, Principal(id="rene\u0301", roles=role))

    assert desk.refunded == []


def test_one_person_approves_twice_for_a_quorum_of_two(desk: Desk, tmp_path: Path) -> None:
    """Two approvals are two people, however often one of them answers."""
    policy = changed_policy(tmp_path, (GATE, f'{GATE} @quorum("2")'))
    thread = desk.billing(policy)
    thread.answer(thread.ask())
    assert desk.refunded == []

    question = thread.waiting_for_one()
    with pytest.raises(ValidationError, match="has approved"):
        thread.answer(question)
    with pytest.raises(ApprovalError, match="has approved"):
        approve(desk, question)
    thread.run(None, MANAGER)
    assert desk.refunded == []

    thread.answer(thread.waiting_for_one(), SECOND_MANAGER)
    assert desk.refunded == [500]


def test_a_refused_answer_is_not_the_next_ones(desk: Desk) -> None:
    """LangGraph keeps the customer's; it does not become the manager's who runs the thread on."""
    for thread in (desk.billing(), desk.thread()):
        interrupt = thread.ask()

        with pytest.raises(ValidationError, match="may not"):
            thread.run(Command(resume=decision(interrupt)), CUSTOMER)
        for who in (MANAGER, SECOND_MANAGER):
            thread.run(None, who)
        assert desk.refunded == []
        thread.answer(interrupt, kind="reject")

    assert desk.refunded == []


def test_the_first_of_two_approves_on_the_record(desk: Desk, tmp_path: Path) -> None:
    """The thread goes on showing its question, and the second answers what is shown."""
    policy = changed_policy(tmp_path, (GATE, f'{GATE} @quorum("2")'))
    thread = desk.billing(policy)
    interrupt = thread.ask()
    approve(desk, interrupt)

    with pytest.raises(ValidationError, match="has approved"):
        thread.run(Command(resume=decision(interrupt)), MANAGER)
    thread.run(None, SECOND_MANAGER)
    assert desk.refunded == []

    thread.answer(interrupt, SECOND_MANAGER)
    assert desk.refunded == [500]


def test_one_answer_is_not_two_people(desk: Desk, tmp_path: Path) -> None:
    """The first manager's answer does not become the second's when that one looks at the thread."""
    policy = changed_policy(tmp_path, (GATE, f'{GATE} @quorum("2")'))
    thread = desk.thread(desk.deploy(policy=policy))
    interrupt = thread.ask()

    thread.run(Command(resume=decision(interrupt)), MANAGER)
    for _ in range(2):
        with suppress(ValueError):
            thread.run(None, SECOND_MANAGER)
    with suppress(ValueError):
        thread.run(Command(resume=decision(interrupt)), SECOND_MANAGER)
    assert desk.refunded == []

    question = thread.waiting_for_one()
    assert question.value["approvals"] == [{"by": "manager", "role": "manager"}]
    thread.answer(question, SECOND_MANAGER)
    assert desk.refunded == [500]
