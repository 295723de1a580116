"""A terminal hears what was answered elsewhere, and lets others finish what they carry."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from tests.graphs.cli.outcomes import flat
from tests.graphs.till import CUSTOMER, MANAGER, REQUEST, Book, Till, opened_till
from tests.tools.governed import RULES, load_policy
from tests.tools.people.due import claim_next

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.cli.run.carrying import Carrier
from bailiwick.graphs.cli.terminal.narration import Narration
from bailiwick.graphs.outbox.claims import carrying
from bailiwick.graphs.session import Session
from bailiwick.policies import Principal
from bailiwick.policies.errors import BailiwickError


@dataclass(frozen=True, slots=True)
class Desk:
    """Hold a till and the terminal at it."""

    till: Till
    carrier: Carrier
    screen: io.StringIO

    def shown(self) -> str:
        """Return what the terminal shows, as one line."""
        return flat(self.screen.getvalue())


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    """Give a terminal at a till."""
    with (
        open_checkpointer(f"sqlite:///{tmp_path / 'checkpoints.db'}") as checkpointer,
        opened_till(sqlite_url, checkpointer, Book(tmp_path / "book.db"), load_policy()) as till,
    ):
        screen = io.StringIO()
        narration = Narration(Console(file=screen, width=80))
        session = Session(till.app, "t", narration.tell)
        yield Desk(till, Carrier(session, till.guard, narration), screen)


def test_a_thread_in_which_nothing_happened(desk: Desk) -> None:
    """There is nothing to ask and nothing to carry."""
    assert desk.carrier.next_question() is None
    assert not desk.carrier.deliver()
    assert desk.shown() == ""


def test_what_was_answered_elsewhere_is_carried_and_not_asked(desk: Desk) -> None:
    """It was approved in the database: the terminal runs the thread on."""
    desk.carrier.request(REQUEST, CUSTOMER)
    assert desk.carrier.next_question() is not None
    desk.till.approve(*desk.till.guard.approvals.pending())
    assert desk.carrier.next_question() is None
    assert desk.till.is_done()
    assert "It is done." in desk.shown()


def test_an_answer_that_comes_too_late_is_not_taken(desk: Desk) -> None:
    """Somebody else was faster, which whoever typed it is told."""
    desk.carrier.request(REQUEST, CUSTOMER)
    interrupt = desk.carrier.next_question()
    assert interrupt is not None
    desk.till.approve(*desk.till.guard.approvals.pending())
    digest = interrupt.value["action_digest"]
    desk.carrier.answer(interrupt, {"type": "reject", "action_digest": digest}, MANAGER)
    assert "Not taken." in desk.shown()
    assert "It was answered: manager approved it at" in desk.shown()
    assert desk.till.book.paid() == []
    assert desk.carrier.next_question() is None
    assert desk.till.book.paid() == [("shop", "140.00")]


def test_an_answer_to_what_has_changed_meanwhile_is_not_taken(desk: Desk) -> None:
    """Whoever typed it is told, and asked the question as it stands now."""
    desk.carrier.request(REQUEST, CUSTOMER)
    interrupt = desk.carrier.next_question()
    assert interrupt is not None
    desk.till.guard.policy = load_policy(RULES.replace("it is much", "it is a lot"))
    given = {"type": "approve", "action_digest": interrupt.value["action_digest"]}
    desk.carrier.answer(interrupt, given, MANAGER)
    assert "Not taken: the rules or the tool have changed" in desk.shown()
    assert desk.till.book.paid() == []

    anew = desk.carrier.next_question()
    assert anew is not None
    assert "it is a lot" in anew.value["reason"]
    given = {"type": "approve", "action_digest": anew.value["action_digest"]}
    desk.carrier.answer(anew, given, MANAGER)
    assert desk.till.book.paid() == [("shop", "140.00")]


def test_what_somebody_else_carries_is_waited_for(desk: Desk) -> None:
    """The question is not shown again while its call runs; in the end the terminal shows how."""
    till, paying, go_on = desk.till, threading.Event(), threading.Event()

    def hang() -> None:
        paying.set()
        go_on.wait(60)

    def approve() -> None:
        with carrying(till.guard.approvals, "t"):
            till.answer(type="approve")

    desk.carrier.request(REQUEST, CUSTOMER)
    till.book.before = hang
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(approve)
        assert paying.wait(60)
        asked = pool.submit(lambda: (desk.carrier.deliver(), desk.carrier.next_question()))
        while "carried on elsewhere" not in desk.shown():
            assert not asked.done()
        go_on.set()
        other.result()
        assert asked.result() == (True, None)
    assert "It was answered: manager approved it at" in desk.shown()
    assert desk.shown().endswith("It is done.")
    assert till.book.paid() == [("shop", "140.00")]


@pytest.mark.parametrize(
    ("who", "other_digest", "refusal"),
    [
        (MANAGER, None, ""),
        (CUSTOMER, None, "'customer' may not answer for 'pay'"),
        (MANAGER, "0" * 64, "the answer is to another call"),
    ],
    ids=["manager", "customer", "stale"],
)
def test_an_answer_while_somebody_else_carries_the_thread_is_kept_for_later(
    desk: Desk, who: Principal, other_digest: str | None, refusal: str
) -> None:
    """Two runs at once would split the thread: each would miss what the other's call came to."""
    till, paying, go_on = desk.till, threading.Event(), threading.Event()

    def hang() -> None:
        till.book.before = lambda: None
        paying.set()
        go_on.wait(60)

    def approve() -> None:
        with carrying(till.guard.approvals, "t"):
            till.answer(type="approve")

    desk.carrier.request("pay 140 to shop, 150 to bank", CUSTOMER)
    till.book.before = hang
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(approve)
        assert paying.wait(60)
        second = desk.carrier.next_question()
        while second is None:
            second = desk.carrier.next_question()
        digest = second.value["action_digest"]
        given = {"type": "approve", "action_digest": other_digest or digest}
        desk.carrier.answer(second, given, who)
        assert len(till.book.paid()) == 0
        go_on.set()
        other.result()
    if refusal:
        assert f"not taken: {refusal}" in desk.shown()
        desk.carrier.answer(second, {"type": "approve", "action_digest": digest}, MANAGER)
    assert desk.carrier.next_question() is None
    assert sorted(till.book.paid()) == [("bank", "150.00"), ("shop", "140.00")]
    assert sorted(till.said()[-3:-1]) == ["paid 140.00 to shop", "paid 150.00 to bank"]


def test_a_question_that_somebody_else_has_settled_does_not_just_vanish(desk: Desk) -> None:
    """Whoever was about to answer is told who did, and what came of it."""
    desk.carrier.request(REQUEST, CUSTOMER)
    interrupt = desk.carrier.next_question()
    assert interrupt is not None
    with carrying(desk.till.guard.approvals, "t"):
        desk.till.answer(type="approve")
    desk.carrier.leave(interrupt)
    assert "It was answered: manager approved it at" in desk.shown()
    assert desk.shown().endswith("It is done.")
    assert desk.carrier.next_question() is None


def test_what_is_tried_again_later_goes_on_at_once(desk: Desk) -> None:
    """Whoever sits at the terminal need not wait until the outbox looks again."""
    desk.carrier.request(REQUEST, CUSTOMER)
    desk.till.approve(*desk.till.guard.approvals.pending())
    outbox = desk.till.guard.approvals.outbox()
    claim = claim_next(outbox)
    assert claim is not None
    assert outbox.postpone(claim, "the server does not answer", after=600)
    assert desk.carrier.next_question() is None
    assert desk.till.is_done()


def test_a_run_that_breaks_off_is_told(desk: Desk) -> None:
    """With what is known of why."""
    desk.carrier.request(REQUEST, CUSTOMER)
    desk.till.approve(*desk.till.guard.approvals.pending())
    desk.till.model.troubles.append(RuntimeError("key sk-123"))
    with pytest.raises(BailiwickError, match=r"the run broke off \(RuntimeError\)"):
        desk.carrier.next_question()
    desk.carrier.deliver()
    assert desk.carrier.session.is_broken_off()
    desk.carrier.go_on(CUSTOMER)
    assert desk.till.is_done()
