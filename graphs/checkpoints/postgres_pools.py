"""Owns the connections to checkpoints in PostgreSQL: pooled, tried, their tables made in turn."""

import time
from contextlib import closing
from typing import Any

from langgraph.checkpoint.postgres import PostgresSaver
from psycopg import AsyncConnection, Connection, OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.forks import Opening
from bailiwick.tools.records.postgresql import connection_options

POOL_SIZE = 10

WAIT = 5
"""Seconds to wait for a connection."""

PATIENCE = 60
"""Seconds to wait while another process makes the tables."""

_GLANCE = 0.02
_WHAT = "the checkpoints' database"
_TURN = "SELECT pg_try_advisory_lock(%s) AS is_ours"
_SEED = 0x6261696C69636B70
"""Keeps our advisory lock in PostgreSQL apart from others in the same database."""


def prepare(url: str) -> None:
    """Make LangGraph's tables where they are missing, one process at a time.

    It is also the first connection: a pool would try for long and not say what is wrong.

    Raises:
        SettingsError: If another process makes them for too long.
        psycopg.Error: If the database cannot be used.
    """
    with closing(Connection[DictRow].connect(url, **_connection_options(url))) as connection:
        _take_turn(connection)
        PostgresSaver(connection).setup()


class Pool(ConnectionPool[Connection[DictRow]]):
    """Pool connections for `invoke`; to be opened as a context.

    Args:
        url: The database.
    """

    def __init__(self, url: str) -> None:
        self._opening = Opening(_WHAT, SettingsError)
        connections = Connection[DictRow]
        super().__init__(url, connection_class=connections, check=self._check, **_terms(url))

    def getconn(self, timeout: float | None = None) -> Connection[DictRow]:
        """Obtain a connection.

        Raises:
            SettingsError: If this process is a fork of the one that opened the pool.
        """
        self._opening.check()
        return super().getconn(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Close every connection; a fork closes none of its parent's."""
        if self._opening.is_here:
            super().close(timeout)

    def _check(self, connection: Connection[DictRow]) -> None:
        try:
            _look(connection)
        except OperationalError:
            # All are taken for cut: the pool would try them with longer and longer pauses.
            self.drain()
            raise


class AsyncPool(AsyncConnectionPool[AsyncConnection[DictRow]]):
    """Pool connections for `ainvoke`; see `Pool`.

    Args:
        url: The database.
    """

    def __init__(self, url: str) -> None:
        self._opening = Opening(_WHAT, SettingsError)
        connections = AsyncConnection[DictRow]
        super().__init__(url, connection_class=connections, check=self._check, **_terms(url))

    async def getconn(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's own
    ) -> AsyncConnection[DictRow]:
        """Obtain a connection; see `Pool.getconn`."""
        self._opening.check()
        return await super().getconn(timeout)

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - as above
        """Close every connection; see `Pool.close`."""
        if self._opening.is_here:
            await super().close(timeout)

    async def _check(self, connection: AsyncConnection[DictRow]) -> None:
        try:
            _look(connection)
        except OperationalError:
            await self.drain()
            raise


def _look(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Read what has come unasked, without a way to the server: that it went away, for one."""
    # What a server says as it goes comes first, and that it is gone only after that.
    connection.pgconn.consume_input()
    connection.pgconn.consume_input()


def _take_turn(connection: Connection[DictRow]) -> None:
    """Wait until no other process makes the tables; the turn ends with the connection."""
    until = time.monotonic() + PATIENCE
    # Not the lock that waits by itself: what waits in a statement keeps LangGraph's
    # `CREATE INDEX CONCURRENTLY` waiting, and both would wait for each other.
    while not connection.execute(_TURN, (_SEED,)).fetchall()[0]["is_ours"]:
        if time.monotonic() > until:
            raise SettingsError(
                "the checkpoints' database in PostgreSQL is being prepared by another process "
                f"for more than {PATIENCE} seconds: start again when that has ended"
            )
        time.sleep(_GLANCE)


def _terms(url: str) -> dict[str, Any]:
    size = {"min_size": 1, "max_size": POOL_SIZE, "timeout": WAIT, "open": False}
    return {"kwargs": _connection_options(url), **size}


def _connection_options(url: str) -> dict[str, Any]:
    # What LangGraph's savers ask of their connections.
    saver = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    return {**saver, **connection_options(wait=WAIT, given=conninfo_to_dict(url))}
