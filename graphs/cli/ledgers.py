"""Owns the way of a command to a ledger that is there already."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records.engines import address_of, file_of, is_in_memory
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
    with closing(_opened(settings)) as ledger:
        if thread is not None and not ledger.has(thread):
            raise LedgerError(
                f"the ledger has no thread {thread!r}: `bailiwick audit show` lists those it has"
            )
        yield ledger


def check_ledger(settings: Settings) -> None:
    """Refuse to go on without a ledger.

    Raises:
        LedgerError: If there is none, or it cannot be used.
    """
    _opened(settings).close()


def _opened(settings: Settings) -> Ledger:
    url = settings.database_url
    address = address_of(url)
    path = file_of(address)
    # SQLite would make the file, and nothing at all would be found in order.
    is_there = not is_in_memory(address) and (path is None or _has_content(path))
    if not is_there:
        raise LedgerError(
            f"there is no ledger at {url!r}: set BAILIWICK_DATABASE_URL to where it is; "
            "`bailiwick run` makes one"
        )
    return Ledger(url, creates=False)


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
