"""Threads of other graphs on the refund desk's ledger and checkpoints are told apart, and left."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command, done, flat, refused
from tests.graphs.till import Book, Till, delivered, let_pass, opened_till
from tests.tools.governed import load_policy

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.tools.people.deliveries import GRACE, Deliveries


@pytest.fixture
def till(home: Path) -> Iterator[Till]:
    """Give a graph of others, with a thread that waits for an answer."""
    with (
        open_checkpointer(f"sqlite:///{home / 'bailiwick.checkpoints.db'}") as checkpointer,
        opened_till(
            f"sqlite:///{home / 'bailiwick.db'}",
            checkpointer,
            Book(home / "book.db"),
            load_policy(),
            node="counter",
        ) as opened,
    ):
        opened.ask()
        yield opened


def test_its_answers_are_left_to_its_own_program(bailiwick: Command, till: Till) -> None:
    """The command says so, and fails as where a thread broke off."""
    till.approve(*till.guard.approvals.pending())
    let_pass(till.guard.ledger, GRACE)
    before = Deliveries(till.guard.ledger).list()

    told = bailiwick("approvals", "deliver")

    line = "thread t is another graph's: deliver it from the program that holds it"
    assert (told.status, flat(told.out)) == (1, line)
    assert "1 of the threads is another graph's: see above" in told.err
    assert Deliveries(till.guard.ledger).list() == before
    assert delivered(till) == ["resumed"]
    assert till.is_done()


def test_a_request_does_not_get_into_its_thread(bailiwick: Command, till: Till) -> None:
    """What waits there stays open, and nothing is written."""
    (waiting,) = till.guard.approvals.pending()
    for request in (("hello",), ()):
        told = refused(bailiwick("run", "--thread", "t", *request))
        assert "thread 't' is another graph's: go on with it in the program" in told
    assert list(till.guard.approvals.pending()) == [waiting]
    assert till.said() == ["pay 140 to shop"]
    till.approve(waiting)
    assert delivered(till) == ["resumed"]
    assert "another graph's" in refused(bailiwick("run", "--thread", "t", "hello"))


def test_who_approves_reads_how_either_goes_on(bailiwick: Command, till: Till) -> None:
    """The record does not say whose graph it is."""
    (waiting,) = till.guard.approvals.list()
    told = done(bailiwick("approvals", "reject", waiting.request.id))
    assert "If thread t is the refund desk's, it goes on at once" in told
    assert "If it is another graph's, it goes on with the program that holds that." in told
