"""Owns what a command lets through of what libraries log."""

import logging
import sys

from bailiwick.policies.visible_text import visible

_OURS = ("bailiwick", "dotenv")
"""What says something to whoever runs the command: a lease that failed, a broken line in `.env`."""


class SentenceHandler(logging.Handler):
    """Print a record's message as one sentence on stderr, wherever that leads by then."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        where = ".env: " if record.name.startswith("dotenv") else ""
        # Threads and agents are named in it by whoever made them.
        sys.stderr.write(f"bailiwick: {where}{visible(record.getMessage())}\n")


def configure_logs(*, debug: bool) -> None:
    """Let our own warnings through as sentences; with `debug`, everything.

    Connection pools and HTTP clients warn of what their callers are told by an error anyway.
    """
    if debug:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
        return
    root = logging.getLogger()
    if not root.handlers:
        # Without any handler Python prints warnings itself.
        root.addHandler(logging.NullHandler())
    for name in _OURS:
        logging.getLogger(name).handlers[:] = [SentenceHandler(logging.WARNING)]
