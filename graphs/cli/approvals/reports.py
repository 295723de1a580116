"""Owns how what came of a thread in the outbox looks in a terminal."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from bailiwick.graphs.cli.terminal.console import quoted
from bailiwick.graphs.outbox.deliveries import Report
from bailiwick.policies.errors import BailiwickError
from bailiwick.tools.people.deliveries import Delivery

WORDS = {
    "resumed": "went on",
    "passed": "needs nothing more",
    "postponed": "is looked at again later",
    "failed": "broke off and is tried again later",
    "left": "is another graph's",
}
STYLES = {"resumed": "green", "failed": "red", "left": "yellow"}


def report_line(report: Report, more: int = 0) -> Text:
    """Return a line that says what came of a thread.

    Args:
        report: What came of it.
        more: For how many more answers it waits.
    """
    line = quoted(f"thread {report.thread} ")
    line.append(WORDS[report.outcome], STYLES.get(report.outcome, "dim"))
    if report.reason:
        return line.append_text(quoted(f": {report.reason}"))
    return line.append_text(quoted(f" and waits for {more} more")) if more else line


def tell_later(console: Console, left: Sequence[Delivery], reports: Sequence[Report]) -> None:
    """Say which threads are looked at again, and when; or that nothing waits.

    Args:
        console: Where to say it.
        left: What is still in the outbox.
        reports: What came of the threads that were looked at.
    """
    others = {report.thread for report in reports if report.outcome == "left"}
    if later := [each for each in left if each.thread not in others]:
        # What the checkpoints do not know yet is left as it was, and due since then.
        due = max(time.time(), *(each.due_at for each in later))
        at = datetime.fromtimestamp(due, UTC).astimezone()
        console.print(
            f"{len({each.thread for each in later})} of the threads that may go on are somebody "
            f"else's now, or failed: they are looked at again by {at:%H:%M:%S}."
        )
    elif not reports:
        console.print("Nothing waits to go on.")


def check_all_went_on(reports: Sequence[Report]) -> None:
    """Have a command fail that let threads go on, if one of them broke off or is another graph's.

    Raises:
        BailiwickError: If one did, or is.
    """
    failed, left = (
        len({report.thread for report in reports if report.outcome == outcome})
        for outcome in ("failed", "left")
    )
    told = [f"{failed} of the threads broke off"] if failed else []
    if left:
        told.append(f"{left} of the threads {'is' if left == 1 else 'are'} another graph's")
    if told:
        raise BailiwickError(f"{' and '.join(told)}: see above")
