"""Owns how much of a long list is shown: in a terminal the newest, right above the prompt."""

import sys
from typing import Annotated

import typer

SHOWN = 20
"""Calls, requests or leases that a terminal shows."""

RECORDS = 200
"""Records that a terminal shows; each takes about a line."""

_HELP = "Only the newest so many, 0 for all; left out, {} in a terminal and all elsewhere."
_option = typer.Option("--limit", min=0, help=_HELP.format(SHOWN))
_record_option = typer.Option("--limit", min=0, help=_HELP.format(RECORDS))

Limit = Annotated[int | None, _option]
RecordLimit = Annotated[int | None, _record_option]


def skipped(total: int, limit: int | None, *, shown: int = SHOWN, as_json: bool = False) -> int:
    """Return how many of the oldest are not shown.

    Args:
        total: How many there are.
        limit: How many were asked for; 0 is all.
        shown: How many a terminal shows that was not asked for any number.
        as_json: Whether a script reads it, which gets all that it did not limit itself.
    """
    if limit is None:
        # Not rich's opinion of it: colours can be forced where a pipe counts on every line.
        limit = shown if sys.stdout.isatty() and not as_json else 0
    return max(0, total - limit) if limit else 0


def older(count: int) -> str:
    """Return the line that says how many are not shown."""
    are = "older one is" if count == 1 else "older ones are"
    return f"{count:,} {are} not shown: --limit 0 shows all."
