"""Owns the way of a command to a ledger that is there already."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records.engines import address_of
from bailiwick.tools.records.ledger import Ledger


@contextmanager
def open_ledger(settings: Settings, *, thread: str | None = None) -> Generator[Ledger]:
    """Open the ledger that the settings name.

    Args:
        settings: The settings.
        thread: What the command is about, where it is about one thread.

    Raises:
        LedgerError: If there is none, it cannot be used, or it has no such thread.
    """
    check_ledger(settings)
    with closing(Ledger(settings.database_url)) as ledger:
        if thread is not None and not ledger.has(thread):
            raise LedgerError(
                f"the ledger has no thread {thread!r}: `bailiwick audit show` lists those it has"
            )
        yield ledger


def check_ledger(settings: Settings) -> None:
    """Refuse to go on without a ledger.

    Raises:
        LedgerError: If there is none.
    """
    url = settings.database_url
    # What is no URL names no file that could be missing.
    address_of(url)
    path = Path(url.removeprefix("sqlite:///"))
    # Opening it would make it, and nothing at all would be found in order.
    if url.startswith("sqlite:") and not (path.is_file() and path.stat().st_size):
        raise LedgerError(
            f"there is no ledger at {url!r}: set BAILIWICK_DATABASE_URL to where it is; "
            "`bailiwick run` makes one"
        )
