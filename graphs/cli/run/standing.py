"""Owns what a terminal says of where its thread stands, and how it goes on."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from bailiwick.graphs.cli.terminal.console import visible
from bailiwick.graphs.session import Session
from bailiwick.policies.written import shortened
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.guard import Guard


def go_on_with(session: Session) -> str:
    """Return the command that goes on with a thread."""
    return f"bailiwick run --thread {visible(shlex.quote(session.thread))}"


def hindrance(session: Session, guard: Guard) -> str:
    """Return why a thread takes no new request now, and what to do; empty if it takes one."""
    asked = [str(each.value["id"]) for each in session.waiting()]
    if not asked and not session.is_broken_off():
        return ""
    thread, go_on = f"thread {session.thread!r}", f"go on with `{go_on_with(session)}`"
    if any(guard.approvals.get(each).state == "pending" for each in asked):
        return f"{thread} waits for an answer: {go_on} before you ask for more"
    if unknown := " ".join(unknown_outcomes(session, guard)):
        return f"{thread} was broken off. {unknown} Then {go_on}"
    if asked:
        return f"{thread} was answered and has not gone on yet: {go_on} before you ask for more"
    return f"{thread} was broken off: {go_on} before you ask for more"


def unknown_outcomes(session: Session, guard: Guard) -> Iterator[str]:
    """Yield a sentence on each call of a thread of which nobody knows what came of it."""
    for call in guard.calls.list(thread=session.thread):
        if call.is_unknown:
            yield f"What came of {call.tool} is not known{_hint(call)}."


def _hint(call: CallRecord) -> str:
    ask = f"bailiwick calls reconcile {shortened(call.key)}"
    if call.state == "in_doubt":
        return f": ask the system with `{ask}`"
    until = datetime.fromtimestamp(call.until, UTC).astimezone()
    return f", it may be under way until {until:%H:%M:%S}; after that `{ask}`"
