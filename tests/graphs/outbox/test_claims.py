"""A run that takes answers itself says so: nobody disturbs it, and if it dies others take over."""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.graphs.till import Book, Till, delivered, let_pass, opened_till
from tests.tools.governed import load_policy
from tests.tools.people.due import claim_next

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.outbox.claims import Renewal, carrying
from bailiwick.tools.people.deliveries import LAPSE, Deliveries

DEAD = 9
"""What a process says that ends in the middle."""


def approve(till: Till) -> None:
    """Approve what waits, in a run that holds its thread."""
    with carrying(till.guard.approvals, "t"):
        till.answer(type="approve")


def die_paying(ledger: str, checkpoints: str, folder: Path) -> None:
    """Approve in a run of this process, which ends when it has paid."""
    book = Book(folder / "book.db", after=lambda: os._exit(DEAD))
    with (
        open_checkpointer(checkpoints) as checkpointer,
        opened_till(ledger, checkpointer, book, load_policy()) as till,
    ):
        approve(till)


def test_a_run_in_which_nothing_ends_leaves_nothing(till: Till) -> None:
    """Neither a question nor another thread's news are its own."""
    with carrying(till.guard.approvals, "t"):
        till.ask()
    with carrying(till.guard.approvals, "other"):
        till.approve(*till.guard.approvals.pending())
    assert [each.is_claimed for each in Deliveries(till.guard.ledger).list()] == [False]
    assert delivered(till) == ["resumed"]


async def test_slow_tools_hold_up_no_end_of_a_delivery(till: Till) -> None:
    """Nor do they while a claim is renewed: what renews it ends with the run."""
    await asyncio.to_thread(till.ask)
    await asyncio.to_thread(till.approve, *till.guard.approvals.pending())
    outbox, go_on = Deliveries(till.guard.ledger), threading.Event()
    claim = claim_next(outbox)
    assert claim is not None
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    slow = asyncio.create_task(asyncio.to_thread(go_on.wait))
    try:
        async with asyncio.timeout(10), Renewal(outbox, claim):
            await asyncio.sleep(0)
    finally:
        go_on.set()
        await slow


def test_what_it_was_told_nobody_else_carries(till: Till) -> None:
    """Not while it runs, however long that takes, and not afterwards."""
    seen: list[bool] = []

    def look() -> None:
        let_pass(till.guard.ledger, LAPSE / 2)
        seen.extend(each.is_claimed for each in Deliveries(till.guard.ledger).list())
        assert delivered(till) == []

    till.ask()
    till.book.before = look
    approve(till)
    assert seen == [True]
    assert till.is_done()
    assert Deliveries(till.guard.ledger).list() == ()


def test_a_run_that_is_stopped_is_taken_over_at_once(till: Till) -> None:
    """With Ctrl-C it gives its claim back."""

    def stop() -> None:
        raise KeyboardInterrupt

    till.ask()
    till.book.after = stop
    with pytest.raises(KeyboardInterrupt):
        approve(till)
    till.book.after = lambda: None
    assert delivered(till) == ["resumed"]
    assert till.is_done()
    assert till.book.paid() == [("shop", "140.00")]


def test_a_run_that_is_killed_is_taken_over_when_its_claim_lapses(
    till: Till, database_url: str, checkpoints: str, tmp_path: Path
) -> None:
    """Nobody asks a second time: the record says what was answered, and the thread goes on."""
    till.ask()
    root = Path(__file__).parents[3]
    paths = os.pathsep.join(path for path in [str(root), *sys.path] if path)
    victim = subprocess.run(
        [sys.executable, __file__, database_url, checkpoints, tmp_path],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert victim.returncode == DEAD
    assert delivered(till) == []
    let_pass(till.guard.ledger, LAPSE)
    assert delivered(till) == ["resumed"]
    assert till.is_done()
    assert till.book.paid() == [("shop", "140.00")]


if __name__ == "__main__":
    die_paying(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
