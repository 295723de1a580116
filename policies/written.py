"""Owns how times and ids are written, for people and on record."""

from datetime import UTC, datetime

_DIGITS = 12


def rfc3339(epoch: float) -> str:
    """Return epoch seconds as RFC 3339 in UTC, with microseconds."""
    at = datetime.fromtimestamp(epoch, UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def shortened(identifier: str) -> str:
    """Return as much of an id as is shown where it need not be complete.

    Commands take the beginning of an id for the id where only one begins so.
    """
    return identifier[:_DIGITS]
