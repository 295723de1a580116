"""Owns `bailiwick audit`: read, check and export the ledger."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.records import record_table
from bailiwick.graphs.cli.terminal import terminal
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.ledger import Ledger, Verification, verify_export


def show(thread: str | None) -> None:
    """Print the records of one thread or of all.

    Raises:
        LedgerError: If the ledger cannot be read, or has no such thread.
    """
    console = terminal()
    with _ledger(thread) as ledger:
        for each, records in groupby(ledger.records(thread), lambda record: record.thread):
            console.print(record_table(each, records), end="\n\n")


def verify(thread: str | None, exported: Path | None) -> None:
    """Check the chains; leave with status 1 if one does not hold.

    Raises:
        LedgerError: If a chain does not hold, there is none, or the ledger or the file cannot be
            read.
    """
    if exported is None:
        with _ledger(thread) as ledger:
            _report(ledger.verify(thread))
        return
    try:
        # JSON may hold what `splitlines` takes for the end of a line.
        with exported.open(encoding="utf-8", newline="\n") as lines:
            _report(verify_export(lines))
    except (OSError, UnicodeDecodeError) as error:
        why = "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise LedgerError(
            f"{str(exported)!r} cannot be read ({why}): name a file that `bailiwick audit export` "
            "wrote"
        ) from None


def export(thread: str | None) -> None:
    """Print the records as lines of canonical JSON, in UTF-8.

    Raises:
        LedgerError: If the ledger cannot be read, or has no such thread.
    """
    with _ledger(thread) as ledger:
        for line in ledger.export(thread):
            sys.stdout.buffer.write(f"{line}\n".encode())


@contextmanager
def _ledger(thread: str | None) -> Generator[Ledger]:
    with open_ledger(read_settings()) as ledger:
        threads = ledger.threads()
        if thread is not None and thread not in threads:
            raise LedgerError(
                f"the ledger has no thread {thread!r}: `bailiwick audit show` lists those it has"
            )
        yield ledger


def _report(verification: Verification) -> None:
    if verification.broken is not None:
        raise LedgerError(verification.broken.sentence)
    if not verification.records:
        raise LedgerError("there is no record to check: the ledger is empty")
    counted = f"{verification.records} records in {verification.threads} threads"
    terminal().print(f"[green]sound[/]: {counted}")
