"""Processes that deliver until nothing is left; the first hangs while it pays.

They are forks of one that has imported all. It says their ids, and in the end how each ended.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

from tests.graphs.till import Book, opened_till
from tests.tools.governed import load_policy

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.outbox.deliveries import deliver
from bailiwick.tools.people.deliveries import Deliveries

LAPSE = 3.0


def work(url: str, folder: Path, *, hangs: bool) -> None:
    """Deliver until the outbox is empty."""

    def hang() -> None:
        (folder / "hangs").touch()
        time.sleep(600)

    book = Book(folder / "book.db")
    if hangs:
        book.after = hang
    else:
        # The one that hangs comes first.
        while not (folder / "hangs").exists():
            time.sleep(0.02)
    with (
        open_checkpointer(url) as checkpointer,
        opened_till(url, checkpointer, book, load_policy()) as till,
    ):
        while Deliveries(till.guard.ledger).list():
            deliver(till.app, till.guard, lapse=LAPSE)
            time.sleep(0.1)


def fork(url: str, folder: Path, *, hangs: bool) -> int:
    """Start one, and return its process id."""
    if child := os.fork():
        return child
    try:
        work(url, folder, hangs=hangs)
    except BaseException:  # noqa: BLE001 - it must not go on as a second parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def say(numbers: list[int]) -> None:
    """Print numbers at once."""
    sys.stdout.write(f"{json.dumps(numbers)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    children = [fork(sys.argv[1], Path(sys.argv[2]), hangs=number == 0) for number in range(4)]
    say(children)
    say([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
