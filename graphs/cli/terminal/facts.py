"""Owns the facts that a terminal shows of something: names and values, and what is wrong."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from rich.table import Table

from bailiwick.graphs.cli.terminal.console import quoted
from bailiwick.policies.questions import questions


def facts(rows: Iterable[tuple[str, str]]) -> Table:
    """Return names and values side by side; what does not fit goes on below itself."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, quoted(value))
    return table


def asked(request: Mapping[str, Any], *, is_open: bool = True) -> Iterable[tuple[str, str]]:
    """Return what somebody needs to know to decide a request, in this terminal's time.

    Args:
        request: The value of the interrupt that asks it.
        is_open: Whether it can still be answered.
    """
    for name, value in questions(request):
        yield name, _until(value, is_open=is_open) if name == "until" else value


def _until(expires_at: str, *, is_open: bool) -> str:
    until = datetime.fromisoformat(expires_at)
    told = f"{until.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    minutes = max(0, round((until - datetime.now(UTC)).total_seconds() / 60))
    return f"{told}, {minutes} min from now" if is_open else told


def faults(error: ValidationError) -> str:
    """Return what is wrong with an answer, in words for whoever gave it."""
    return "; ".join(
        ": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
