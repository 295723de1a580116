"""Owns what the command line tells of calls that change something, and their settling."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.limits import older, skipped
from bailiwick.graphs.cli.terminal.console import print_json, quoted, terminal, visible
from bailiwick.graphs.cli.terminal.facts import facts
from bailiwick.graphs.cli.terminal.person import approver
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.questions import spelled
from bailiwick.policies.settlements import Outcome
from bailiwick.policies.written import rfc3339, shortened
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.called_tools import versions
from bailiwick.tools.effects.calls import Calls
from bailiwick.tools.effects.lineages import Lineage, lineage

STYLES = {"succeeded": "green", "failed": "red", "in_doubt": "yellow", "retried": "dim"}
WORDS = {"under_way": "under way", "in_doubt": "in doubt", "retried": "tried again"}


def list_calls(*, thread: str | None, in_doubt: bool, limit: int | None, as_json: bool) -> None:
    """Print calls, newest last.

    Args:
        thread: Only those of this thread.
        in_doubt: Only those whose outcome nobody knows.
        limit: Only so many of the newest, 0 for all.
        as_json: Whether to print one JSON array.

    Raises:
        LedgerError: If the ledger cannot be read, or has no such thread.
    """
    with open_ledger(read_settings(), thread=thread) as ledger:
        calls = Calls(ledger)
        total = calls.count(thread=thread, in_doubt=in_doubt)
        skip = skipped(total, limit, as_json=as_json)
        found = calls.list(thread=thread, in_doubt=in_doubt, skip=skip)
        under_way = calls.under_way(thread) if in_doubt else ()
    if as_json:
        print_json([_plain(call) for call in found])
        return
    console = terminal()
    for call in found:
        console.print(heading(shortened(call.key), call), facts(_outline(call)), "", sep="\n")
    if not found:
        console.print("No call is in doubt." if in_doubt else "No call is on record.")
    if skip:
        console.print(older(skip), style="dim")
    if in_doubt:
        _tell_what_to_do(console, found, under_way)


def _tell_what_to_do(
    console: Console, found: Sequence[CallRecord], under_way: Sequence[CallRecord]
) -> None:
    if under_way:
        until = rfc3339(max(each.until for each in under_way))
        still = f"{len(under_way)} may still be under way, until {until} at the latest."
        console.print(still, style="dim")
    if found:
        first = shortened(found[0].key)
        console.print(f"Ask the system itself: bailiwick calls reconcile {first}", style="dim")
        settle = f"bailiwick calls settle {first} succeeded|failed|retry"
        console.print(f"Or find out and say so: {settle}", style="dim")


def show_call(beginning: str, *, as_json: bool) -> None:
    """Print everything about one call.

    Raises:
        CallError: If there is no such call, or more than one.
        LedgerError: If the ledger cannot be read.
    """
    with open_ledger(read_settings()) as ledger:
        call = Calls(ledger).find(beginning)
        kin = lineage(ledger, call)
        version = versions(ledger, [call]).get(call.key)
    if as_json:
        print_json({**_plain(call), "tool_version": version, **_plain_lineage(kin)})
        return
    rows = [*_outline(call), *_lineage(kin), *_details(call), *_version(version)]
    terminal().print(heading(call.key, call), facts(rows), sep="\n")


def settle_call(beginning: str, outcome: Outcome, reason: str) -> None:
    """Say what came of a call, as whoever sits at the terminal.

    Raises:
        CallError: If there is no such call, or it is not theirs to settle.
        LedgerError: If the ledger cannot be read or written.
    """
    settings = read_settings()
    with open_ledger(settings) as ledger:
        person = approver(settings)
        call = Calls(ledger).settle(beginning, outcome, by=person, reason=reason)
    said = "took effect" if outcome == "succeeded" else "had no effect"
    terminal().print(quoted(f"{person.id} found out: {named(call)} {said}."))


def heading(identifier: str, call: CallRecord) -> Text:
    """Return the line above a call: its id as it is to be shown, its state, its thread."""
    heading = Text(identifier, style="bold")
    heading.append(f"  {WORDS.get(call.state, call.state)}", STYLES.get(call.state, "dim"))
    return heading.append(visible(f"  thread {call.thread}"), "not bold dim")


def _outline(call: CallRecord) -> Iterable[tuple[str, str]]:
    yield "what", named(call)
    yield "agent", " > ".join([*call.chain, call.agent])
    yield "asked by", call.requester
    yield "started", rfc3339(call.started_at)
    if call.state == "under_way":
        yield "until", f"{rfc3339(call.until)} at the latest; then it is in doubt"
    if call.content:
        yield "result", call.content
    if call.settled_by is not None and call.ended_at is not None:
        yield "settled", f"{call.settled_by}, {rfc3339(call.ended_at)}"


def _details(call: CallRecord) -> Iterable[tuple[str, str]]:
    yield "effect", call.effect
    yield "tool call", call.tool_call_id
    yield "key", call.idempotency_key
    if call.ended_at is not None:
        yield "ended", rfc3339(call.ended_at)
    if call.reason:
        yield "reason", call.reason


def _version(version: str | None) -> Iterable[tuple[str, str]]:
    if version is not None:
        yield "version", version


def _lineage(kin: Lineage) -> Iterable[tuple[str, str]]:
    if (why := kin.fulfils) is not None:
        verb = "try again" if why.kind == "retry" else "undo"
        yield "made to", f"{verb} call {shortened(why.call)} of thread {why.origin}"
    for each in kin.proposed:
        done, wanted = (
            ("tried again", "another try") if each.kind == "retry" else ("undone", "undo")
        )
        match each.state:
            case "done":
                yield done, f"in thread {each.thread}"
            case "open":
                yield wanted, f"proposed in thread {each.thread}"
            case "dropped":
                yield wanted, f"proposed in thread {each.thread}, and came to nothing"


def named(call: CallRecord) -> str:
    """Return a call as it would be written."""
    return spelled(call.tool, call.args)


def _plain(call: CallRecord) -> dict[str, Any]:
    return {
        "id": call.key,
        "state": call.state,
        "thread": call.thread,
        "tool_call_id": call.tool_call_id,
        "requester": call.requester,
        "chain": list(call.chain),
        "agent": call.agent,
        "tool": call.tool,
        "effect": call.effect,
        "args": call.args,
        "idempotency_key": call.idempotency_key,
        "result": call.content,
        "started_at": rfc3339(call.started_at),
        "until": rfc3339(call.until),
        "ended_at": None if call.ended_at is None else rfc3339(call.ended_at),
        "settled_by": call.settled_by,
        "reason": call.reason,
    }


def _plain_lineage(kin: Lineage) -> dict[str, Any]:
    why = kin.fulfils
    return {
        "fulfils": None
        if why is None
        else {"kind": why.kind, "call": why.call, "thread": why.origin},
        "proposals": [
            {"kind": each.kind, "thread": each.thread, "state": each.state} for each in kin.proposed
        ],
    }
