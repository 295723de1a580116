"""Owns `bailiwick audit`: read, check and export the ledger."""

import sys
from itertools import groupby
from pathlib import Path

from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.limits import RECORDS, older, skipped
from bailiwick.graphs.cli.terminal.console import terminal
from bailiwick.graphs.cli.terminal.records import record_table
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records.chain import Verification
from bailiwick.tools.records.ledger import Ledger, verify_export
from bailiwick.tools.records.ledger_seals import Sealed, verify_seals
from bailiwick.tools.records.seals import PublicKeys, Seal, SealStatement, from_pem


def show(thread: str | None, limit: int | None) -> None:
    """Print the records of one thread or of all.

    Args:
        thread: Only this thread's.
        limit: Only so many of the newest, 0 for all.

    Raises:
        LedgerError: If the ledger cannot be read, or has no such thread.
    """
    console = terminal()
    with open_ledger(read_settings(), thread=thread) as ledger:
        total = ledger.count(thread)
        skip = skipped(total, limit, shown=RECORDS)
        shown = ledger.newest(total - skip, thread) if skip else ledger.records(thread)
        for each, records in groupby(shown, lambda record: record.thread):
            console.print(record_table(each, records), end="\n\n")
    if not total:
        console.print("Nothing is on record.")
    if skip:
        console.print(older(skip), style="dim")


def verify(
    thread: str | None, exported: Path | None, key: Path | None = None, kept: Path | None = None
) -> None:
    """Check the chains, and the ledger against its seals.

    Args:
        thread: Only this thread's chain; the seals are over all.
        exported: A file to check instead of the ledger.
        key: The file with the public key that signatures are checked with.
        kept: A file with seals that were kept elsewhere.

    Raises:
        LedgerError: If a chain or a seal does not hold, there is none, or the ledger or a file
            cannot be read.
    """
    if exported is None:
        keys = None if key is None else _keys(key)
        elsewhere = [] if kept is None else _seals(kept)
        with open_ledger(read_settings(), thread=thread) as ledger:
            _check_and_report(ledger, thread, keys, elsewhere)
        return
    if key is not None or kept is not None:
        raise LedgerError(
            "an export says nothing of seals: check its chains without --key and --seal, or the "
            "ledger with them"
        )
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
    with open_ledger(read_settings(), thread=thread) as ledger:
        for line in ledger.export(thread):
            sys.stdout.buffer.write(f"{line}\n".encode())


def _check_and_report(
    ledger: Ledger, thread: str | None, keys: PublicKeys | None, elsewhere: list[Seal]
) -> None:
    chains = ledger.verify(thread)
    # Nothing is called sound before all of it was looked at.
    sealed = verify_seals(ledger, keys, elsewhere) if chains.is_sound else None
    _report(chains)
    if sealed is not None:
        _report_seals(sealed)


def _keys(path: Path) -> PublicKeys:
    content = _content(path)
    try:
        return from_pem(content)
    except LedgerError as error:
        raise LedgerError(f"{str(path)!r} cannot be read: {error}") from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LedgerError(
            f"{str(path)!r} cannot be read ({error.strerror}): name a file that `bailiwick audit "
            "key` or `bailiwick audit seal` has printed"
        ) from None


def _seals(path: Path) -> list[Seal]:
    lines = _content(path).decode(errors="replace").split("\n")
    try:
        found = [Seal.from_line(line) for line in lines if line.strip()]
    except LedgerError as error:
        raise LedgerError(f"{str(path)!r} cannot be read: {error}") from None
    if found:
        return found
    raise LedgerError(f"{str(path)!r} holds no seal: keep what `bailiwick audit seal` prints")


def extent(of: Verification | SealStatement) -> str:
    """Say how many records in how many threads were checked or sealed."""
    records, threads = (
        f"{count} {name}{'' if count == 1 else 's'}"
        for count, name in ((of.records, "record"), (of.threads, "thread"))
    )
    return f"{records} in {threads}"


def _report(verification: Verification) -> None:
    if verification.broken is not None:
        raise LedgerError(verification.broken.sentence)
    if not verification.records:
        raise LedgerError("there is no record to check: the ledger is empty")
    terminal().print(f"[green]sound[/]: {extent(verification)}")


def _report_seals(found: Sealed) -> None:
    if found.last is None:
        return
    said, console = found.last.statement, terminal()
    console.print(f"[green]sealed[/]: {extent(said)}, seal {said.number} of {said.at}")
    if found.is_signed:
        console.print("Its signature is good.")
    else:
        console.print("Its signature was not checked: name the public key with --key.", style="dim")
