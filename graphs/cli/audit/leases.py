"""Owns `bailiwick audit leases`: who held what, under whose authority, and how it ended."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from rich.table import Table
from rich.text import Text

from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.limits import older, skipped
from bailiwick.graphs.cli.terminal.console import quoted, terminal, visible
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.leases.lease_history import HeldLease, lease_history
from bailiwick.tools.records.ledger import Ledger

STYLES = {"alive": "yellow", "unconfirmed": "red", "unknown": "red"}


def show_leases(thread: str | None, *, is_open: bool, limit: int | None, as_json: bool) -> None:
    """Print the leases: who held what, under whose authority, for how long, and what is alive.

    Args:
        thread: Only this thread's.
        is_open: Only those whose end is not known.
        limit: Only so many of the newest, 0 for all.
        as_json: Print each as a line of JSON, with all that joins it to Vault's audit.

    Raises:
        LedgerError: If the ledger cannot be read, or has no such thread.
    """
    with open_ledger(read_settings(), thread=thread) as ledger:
        leases = [each for each in read_leases(ledger, thread) if each.is_open or not is_open]
    skip = skipped(len(leases), limit, as_json=as_json)
    if as_json:
        for lease in leases[skip:]:
            # ASCII: nothing in it that a terminal would obey.
            sys.stdout.write(f"{json.dumps(asdict(lease))}\n")
        return
    console = terminal()
    if leases:
        console.print(_table(leases[skip:]))
    left = sum(lease.is_open for lease in leases)
    word = "lease" if len(leases) == 1 else "leases"
    console.print(f"{len(leases)} {word}, {left} of them without a known end")
    if skip:
        console.print(older(skip), style="dim")


def read_leases(ledger: Ledger, thread: str | None = None) -> list[HeldLease]:
    """Return the leases on record, oldest first.

    Args:
        ledger: The ledger.
        thread: Only this thread's.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    try:
        return sorted(lease_history(ledger, thread), key=lambda lease: lease.granted_at)
    except (ValueError, TypeError, KeyError):
        raise LedgerError(
            "a record of a lease was changed and cannot be read: `bailiwick audit verify` names it"
        ) from None


def _table(leases: Iterable[HeldLease]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for lease in leases:
        table.add_row(lease.granted_at[11:19], _told(lease))
    return table


def _told(lease: HeldLease) -> Text:
    """Tell of one lease in two lines: who held what, then for whom, how long, and its end."""
    who = " > ".join((*lease.chain, lease.agent))
    held = "held" if lease.calls else "could have held"
    told = quoted(f"{who} {held} {lease.path} for {lease.tool}")
    told.append("\nfor ", "dim").append_text(_authority(lease))
    told.append(
        f"; {lease.leased}, {lease.ttl} of {lease.ttl_asked} s, used {_used(lease)} s; ", "dim"
    )
    return told.append_text(_end(lease))


def _authority(lease: HeldLease) -> Text:
    if not lease.calls:
        return quoted("no call, made ahead")
    approved = f", approved by {', '.join(lease.approvers)}" if lease.approvers else ""
    return quoted(f"{lease.requester}{approved}")


def _used(lease: HeldLease) -> str:
    if lease.used_until is None:
        return "-"
    used = datetime.fromisoformat(lease.used_until) - datetime.fromisoformat(lease.granted_at)
    return f"{used.total_seconds():.2f}"


def _end(lease: HeldLease) -> Text:
    tries = f" at try {lease.tries}" if lease.tries > 1 else ""
    failure = f": {visible(lease.failure)}" if lease.failure else ""
    return quoted(f"{lease.end}{tries}{failure}", STYLES.get(lease.end, ""))
