"""Owns what the command line does about calls with the desk at hand: ask, try again, undo."""

import shlex
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.cli.calls.listing import heading, named, settle_call
from bailiwick.graphs.cli.ledgers import check_ledger
from bailiwick.graphs.cli.terminal.console import quoted, terminal
from bailiwick.graphs.cli.terminal.person import approver, requester
from bailiwick.graphs.outbox.deliveries import App
from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.session import Session
from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies.errors import BailiwickError, CallError
from bailiwick.policies.questions import spelled
from bailiwick.policies.written import rfc3339, shortened
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.undoings import Undoing


def retry_call(beginning: str, reason: str) -> None:
    """Have a call tried again, with an approval of its own; first the system itself is asked.

    Raises:
        CallError: If there is no such call, it is not theirs to settle, or it is known by now what
            came of it.
        BailiwickError: If something the refund desk needs cannot be used.
    """
    settings, console = read_settings(), terminal()
    with _opened(settings) as (desk, app):
        proposal = desk.proposals.retry(
            app, beginning, by=approver(settings), requester=requester(settings), reason=reason
        )
        call = desk.guard.calls.find(beginning)
        console.print(quoted(f"{named(call)} is proposed anew."))
        _tell_thread(console, app, proposal.thread)


def settle_failed(beginning: str, reason: str) -> None:
    """Say that a call had no effect, unless the system itself knows better: it may be done again.

    Raises:
        CallError: If there is no such call, it is not theirs to settle, or it took effect.
        LedgerError: If the ledger cannot be read or written.
    """
    console = terminal()
    try:
        with _opened(read_settings()) as (desk, _):
            call, unasked = _reconciled(desk, desk.guard.calls.find(beginning))
    except CallError:
        raise
    except BailiwickError as error:
        console.print(quoted(f"The system could not be asked: {error}.", "dim"))
    else:
        if unasked:
            console.print(quoted(f"The system was not asked: {unasked}.", "dim"))
        if call.reason == "reconcile" and call.state == "succeeded":
            raise CallError(
                f"the system was asked and knows what came of it: {call.content} To take it back: "
                f"`bailiwick calls undo {shlex.quote(call.thread)}`"
            )
        if call.reason == "reconcile":
            console.print(*_finding(call), sep="\n")
            return
    settle_call(beginning, "failed", reason)


def reconcile_calls(beginning: str | None) -> None:
    """Ask the systems themselves what came of one call, or of every one in doubt.

    Raises:
        CallError: If there is no such call.
        BailiwickError: If something the refund desk needs cannot be used.
    """
    console = terminal()
    with _opened(read_settings()) as (desk, _):
        calls = desk.guard.calls
        found = calls.list(in_doubt=True) if beginning is None else (calls.find(beginning),)
        for call in found:
            console.print(*_finding(*_reconciled(desk, call)), sep="\n")
    if not found:
        console.print("No call is in doubt.")


def undo_thread(thread: str) -> None:
    """Propose to undo what succeeded in a thread.

    Raises:
        CallError: If the thread has no calls, or some of them cannot be undone from here; the
            others are proposed then.
        BailiwickError: If something the refund desk needs cannot be used.
    """
    settings, console = read_settings(), terminal()
    with _opened(settings) as (desk, app):
        if not desk.guard.calls.list(thread=thread):
            raise CallError(
                f"no call of thread {thread!r} is on record: `bailiwick calls ls` names the threads"
            )
        undoing = desk.proposals.undo(app, thread, requester=requester(settings))
        for each in undoing.made:
            console.print(quoted(f"{each.agent} is to call {spelled(each.tool, each.args)}"))
        still_open = desk.proposals.proposals.open_threads(origin=thread)
        for other in dict.fromkeys([*(each.thread for each in undoing.made[:1]), *still_open]):
            _tell_thread(console, app, other)
        open_ones = [each for each in desk.guard.calls.list(thread=thread) if each.is_unknown]
    if open_ones:
        console.print(
            f"Of {len(open_ones)} more nobody knows what came of it: `bailiwick calls reconcile`, "
            "then undo the thread again."
        )
    elif not undoing.made and not still_open and not undoing.left:
        console.print(
            "Nothing is left to undo there: what succeeded was undone before, or its tool declares "
            "nothing that undoes it."
        )
    _check_nothing_left(console, thread, undoing)


@contextmanager
def _opened(settings: Settings) -> Generator[tuple[RefundDesk, App]]:
    check_ledger(settings)
    with (
        open_refund_desk(settings) as desk,
        open_checkpointer(settings.checkpoints, desk.sealing) as checkpointer,
    ):
        yield desk, desk.proposals.compile(checkpointer)


def _check_nothing_left(console: Console, thread: str, undoing: Undoing) -> None:
    for left in undoing.left:
        console.print(quoted(f"{named(left.call)}: {left.sentence}.", "yellow"))
    if undoing.left and undoing.made:
        console.print(
            "The others are proposed all the same, also what was called before: see whether it can "
            "be undone without that, and reject it where it cannot."
        )
    if undoing.left:
        raise CallError(
            f"not all of thread {thread!r} can be undone from here: undo the rest by hand, as told "
            "above"
        )


def _reconciled(desk: RefundDesk, call: CallRecord) -> tuple[CallRecord, str]:
    """Return where a call stands once its system was asked; where that was not, also why."""
    try:
        return desk.proposals.reconcile(call.key), ""
    except CallError as error:
        return call, str(error)


def _finding(call: CallRecord, unasked: str = "") -> Iterable[Text]:
    yield heading(shortened(call.key), call)
    if unasked:
        yield quoted(f"  The system was not asked: {unasked}.", "dim")
    elif call.state == "in_doubt":
        yield Text("  Nobody can tell yet: find out, and settle it.", style="dim")
    elif call.state == "under_way":
        yield Text(f"  It may be under way until {rfc3339(call.until)}.", style="dim")
    else:
        yield quoted(f"  {call.content}")


def _tell_thread(console: Console, app: App, thread: str) -> None:
    session = Session(app, thread, lambda _: None)
    for each in session.waiting():
        asked = each.value
        console.print(quoted(f"It waits for an approval: {asked['description']}", "yellow"))
        console.print(f"  bailiwick approvals approve {shortened(str(asked['id']))}", style="dim")
    if not session.waiting():
        console.print(quoted(session.last(), lines=True))
    shown = shlex.quote(thread)
    console.print(quoted(f"Thread {shown}; bailiwick audit show --thread {shown}", "dim"))
