"""A process that delivers until nothing is left; told so, it hangs while it pays."""

import sys
import time
from pathlib import Path

from tests.graphs.till import Book, opened_till

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.outbox.deliveries import deliver
from bailiwick.policies import Policy
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
        opened_till(url, checkpointer, book, Policy.from_path(folder / "rules")) as till,
    ):
        while Deliveries(till.guard.ledger).list():
            deliver(till.app, till.guard, lapse=LAPSE)
            time.sleep(0.1)


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]), hangs=sys.argv[3:] == ["hangs"])
