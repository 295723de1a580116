"""Owns how a database's file comes to be: readable by its owner alone."""

import os
from contextlib import suppress

_IN_MEMORY = ("", ":memory:")


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
