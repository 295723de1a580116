"""Owns how what came of a thread in the outbox looks in a terminal."""

from collections.abc import Sequence

from rich.text import Text

from bailiwick.graphs.cli.terminal import quoted
from bailiwick.graphs.outbox.deliveries import Report
from bailiwick.policies.errors import BailiwickError

WORDS = {
    "resumed": "went on",
    "passed": "needs nothing more",
    "postponed": "is looked at again later",
    "failed": "broke off and is tried again later",
}
STYLES = {"resumed": "green", "failed": "red"}


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


def check_all_went_on(reports: Sequence[Report]) -> None:
    """Have a command fail that let threads go on, if one of them broke off.

    Raises:
        BailiwickError: If one did.
    """
    if failed := {report.thread for report in reports if report.outcome == "failed"}:
        raise BailiwickError(f"{len(failed)} of the threads broke off: see above")
