"""Owns what every connection to PostgreSQL is told, the ledger's and the checkpoints'."""

from collections.abc import Container
from typing import Any

_GONE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
"""A server whose network is gone without a word is given up after 30 seconds.

The first three, in seconds and tries, are for an answer that is waited for, the last, in
milliseconds, for what was sent. Linux would wait for two hours, and for a quarter of one. On Unix
sockets they have no effect. Source: PostgreSQL's documentation of libpq's parameters.
"""


def connection_options(*, wait: float, given: Container[str]) -> dict[str, Any]:
    """Return options for libpq.

    Args:
        wait: Seconds to wait for a connection.
        given: The names of what the URL says itself: how long to wait for the network may stand
            there.
    """
    return {
        "connect_timeout": int(wait),
        # Of a database without an encoding psycopg would read bytes.
        "client_encoding": "utf8",
        **{name: value for name, value in _GONE.items() if name not in given},
    }
