"""Owns `bailiwick approvals deliver`: the outbox of the refund desk, carried to its threads."""

from collections.abc import Callable, Collection, Sequence
from threading import Event

from rich.console import Console

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.cli.approvals.reports import check_all_went_on, report_line, tell_later
from bailiwick.graphs.cli.failures import explain
from bailiwick.graphs.cli.ledgers import check_ledger
from bailiwick.graphs.cli.terminal.console import quoted, terminal
from bailiwick.graphs.outbox.deliveries import App, Aside, Report, deliver
from bailiwick.graphs.proposals import place_of
from bailiwick.graphs.refund_desk import open_refund_desk
from bailiwick.graphs.session import Session
from bailiwick.graphs.settings import read_settings
from bailiwick.tools.guard import Guard
from bailiwick.tools.loopback import stopped_by_signals
from bailiwick.tools.people.deliveries import SERVER, Deliveries
from bailiwick.tools.records.ledger import Ledger

PAUSE = 1.0
"""Seconds between two looks at the outbox."""


def deliver_due(*, watch: bool) -> None:
    """Let every thread go on that waits for what has ended.

    Args:
        watch: Whether to keep looking until interrupted.

    Raises:
        BailiwickError: If there is no ledger, something the refund desk needs cannot be used, or a
            thread broke off.
    """
    settings, console = read_settings(), terminal()
    if not watch:
        check_ledger(settings)
    with (
        open_refund_desk(settings) as desk,
        open_checkpointer(settings.checkpoints, desk.sealing) as checkpointer,
        stopped_by_signals() as stopped,
    ):
        app, proposals = desk.graph.compile(checkpointer=checkpointer), desk.proposals
        proposed = proposals.compile(checkpointer)
        if watch:
            console.print("Looking for answers; it stops with Ctrl-C.")
        parts = ((app, desk.guard, Aside()), (proposed, proposals.guard, Aside()))

        def look() -> list[Report]:
            proposals.carry_on_all(proposed)
            return [report for each in parts for report in _deliver_one(console, *each)]

        if watch:
            _keep_looking(console, look, stopped)
        else:
            reports = list[Report]()
            while (more := look()) and not stopped.is_set():
                reports += more
            _tell_left(console, desk.guard.ledger, reports, here={"", place_of(settings)})
            check_all_went_on(reports)


def _keep_looking(console: Console, look: Callable[[], list[Report]], stopped: Event) -> None:
    """Look until stopped; a database that is away for a while is told of once, and waited for."""
    told = ""
    while not stopped.is_set():
        try:
            reports, hindrance = look(), ""
        except Exception as error:  # noqa: BLE001 - whatever hinders one look, the next may succeed
            reports, hindrance = [], explain(error)
        if hindrance not in {"", told}:
            console.print(quoted(f"{hindrance}; it looks again and again"))
        told = hindrance
        if not reports:
            stopped.wait(PAUSE)


def _deliver_one(console: Console, app: App, guard: Guard, aside: Aside) -> list[Report]:
    reports = deliver(app, guard, limit=1, aside=aside)
    for report in reports:
        _tell(console, app, report)
    return reports


def _tell_left(
    console: Console, ledger: Ledger, reports: Sequence[Report], *, here: Collection[str]
) -> None:
    left = Deliveries(ledger).list()
    later = [each for each in left if each.place in here]
    served = {each.thread for each in left if each.place == SERVER}
    others = {each.thread for each in left if each.place not in {SERVER, *here}}
    if later or not (served or others):
        tell_later(console, later, reports)
    if served:
        console.print(
            f"LangGraph Server keeps {len(served)} of the threads that may go on: they do when it "
            "runs, or with --url."
        )
    if others:
        console.print(
            f"Other programs keep {len(others)} of the threads that may go on: they deliver them."
        )


def _tell(console: Console, app: App, report: Report) -> None:
    if report.outcome != "resumed":
        console.print(report_line(report))
        return
    session = Session(app, report.thread, lambda _: None)
    waiting = session.waiting()
    console.print(report_line(report, len(waiting)))
    if not waiting:
        console.print(quoted(session.last(), lines=True))
