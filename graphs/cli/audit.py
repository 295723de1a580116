"""Owns `bailiwick audit`: read, check and export the ledger."""

import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console

from bailiwick.graphs.cli.records import record_table
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.ledger import Ledger, Verification, verify_export


def show(thread: str | None) -> None:
    """Print the records of one thread or of all.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    with _ledger() as ledger:
        threads = ledger.threads() if thread is None else [thread]
        for each in threads:
            Console().print(record_table(each, ledger.records(each)))


def verify(thread: str | None, exported: Path | None) -> None:
    """Check the chains; leave with status 1 if one does not hold.

    Raises:
        LedgerError: If a chain does not hold, or the ledger or the file cannot be read.
    """
    if exported is None:
        with _ledger() as ledger:
            _report(ledger.verify(thread))
        return
    try:
        lines = exported.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"{str(exported)!r} cannot be read ({error})") from None
    _report(verify_export(lines))


def export(thread: str | None) -> None:
    """Print the records as lines of canonical JSON.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    with _ledger() as ledger:
        for line in ledger.export(thread):
            sys.stdout.write(f"{line}\n")


@contextmanager
def _ledger() -> Generator[Ledger]:
    with closing(Ledger(read_settings().database_url)) as ledger:
        yield ledger


def _report(verification: Verification) -> None:
    if verification.broken is not None:
        raise LedgerError(verification.broken.sentence)
    Console().print(
        f"[green]sound[/]: {verification.records} records in {verification.threads} threads"
    )
