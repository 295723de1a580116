"""Owns how a SQLite database's file comes to be: its owner's alone, with a write-ahead log."""

import os
import sqlite3
import time
from contextlib import suppress

_IN_MEMORY = ("", ":memory:")
_GLANCE = 0.01


def make_private(path: str | None) -> None:
    """Create the file of a SQLite database that is not there yet, for its owner alone.

    Arguments and results of calls stand in it. SQLite gives its own files beside it the same
    rights. One that is there keeps the rights that somebody gave it; what cannot be created here,
    SQLite itself says better.

    Args:
        path: The file; nothing is done for a database in memory, or one named by a URI.
    """
    if path is None or path in _IN_MEMORY or path.startswith("file:"):
        return
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def write_ahead(connection: sqlite3.Connection, wait: float) -> None:
    """Have a database keep a write-ahead log, so that who reads does not wait for who writes.

    A file learns that once. SQLite itself waits for nobody then: of processes that open a new file
    at once, all but one would fail.

    Args:
        connection: A connection to it, in no transaction.
        wait: Seconds to try for.

    Raises:
        sqlite3.Error: If it is still locked then, or cannot be written.
    """
    until = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_GLANCE)
        else:
            return
