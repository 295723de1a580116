"""Owns the checkpoints' database: SQLite or PostgreSQL by URL, with LangGraph's strict types."""

import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from bailiwick.policies.errors import SettingsError

POOL_SIZE = 10

WAIT = 10.0
"""Seconds to wait for a connection."""


@contextmanager
def open_checkpointer(url: str) -> Generator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints for `invoke` and `stream`, their tables made where they are missing.

    Args:
        url: `sqlite:///path`, `sqlite://` (in memory) or `postgresql://user:password@host/name`.

    Raises:
        SettingsError: If the database cannot be opened.
    """
    if _is_sqlite(url):
        from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: PLC0415 - one of two is needed

        with closing(_connect(_path(url))) as connection:
            saver = SqliteSaver(connection, serde=_serializer())
            saver.setup()
            yield saver
        return
    from langgraph.checkpoint.postgres import PostgresSaver  # noqa: PLC0415 - as above
    from psycopg import Connection, OperationalError  # noqa: PLC0415 - as above
    from psycopg.rows import DictRow  # noqa: PLC0415 - as above
    from psycopg_pool import ConnectionPool  # noqa: PLC0415 - as above

    with ConnectionPool(url, connection_class=Connection[DictRow], **_pool_options()) as pool:
        postgres = PostgresSaver(pool, serde=_serializer())
        try:
            postgres.setup()
        except OperationalError:
            raise _unreachable() from None
        yield postgres


@asynccontextmanager
async def open_async_checkpointer(url: str) -> AsyncGenerator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints for `ainvoke` and `astream`; see `open_checkpointer`.

    Raises:
        SettingsError: If the database cannot be opened.
    """
    if _is_sqlite(url):
        import aiosqlite  # noqa: PLC0415 - one of two is needed
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415 - as above

        async with aiosqlite.connect(_path(url)) as connection:
            saver = AsyncSqliteSaver(connection, serde=_serializer())
            await saver.setup()
            yield saver
        return
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415 - as above
    from psycopg import AsyncConnection, OperationalError  # noqa: PLC0415 - as above
    from psycopg.rows import DictRow  # noqa: PLC0415 - as above
    from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415 - as above

    pool = AsyncConnectionPool(
        url, connection_class=AsyncConnection[DictRow], **_pool_options(), open=False
    )
    async with pool:
        postgres = AsyncPostgresSaver(pool, serde=_serializer())
        try:
            await postgres.setup()
        except OperationalError:
            raise _unreachable() from None
        yield postgres


def _serializer() -> JsonPlusSerializer:
    # `None` allows LangGraph's list of harmless types alone: a row that somebody wrote into the
    # database cannot name a class of its own to be built.
    return JsonPlusSerializer(allowed_msgpack_modules=None)


def _is_sqlite(url: str) -> bool:
    if url.startswith("sqlite://"):
        return True
    if url.startswith(("postgresql://", "postgres://")):
        return False
    raise SettingsError(
        f"checkpoints cannot be kept at {url.partition(':')[0]!r}: give a sqlite:/// or "
        "postgresql:// URL"
    )


def _path(url: str) -> str:
    return url.removeprefix("sqlite://").removeprefix("/") or ":memory:"


def _connect(path: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise SettingsError(
            f"the checkpoints {path!r} cannot be opened ({error}): check the folder and its "
            "permissions"
        ) from None


def _pool_options() -> dict[str, Any]:
    from psycopg.rows import dict_row  # noqa: PLC0415 - only where PostgreSQL is used

    # What LangGraph's savers ask of their connections.
    connection = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    return {
        "kwargs": {**connection, "connect_timeout": 5},
        "min_size": 1,
        "max_size": POOL_SIZE,
        "timeout": WAIT,
    }


def _unreachable() -> SettingsError:
    return SettingsError(
        "the checkpoints' PostgreSQL does not answer: start it, or correct "
        "BAILIWICK_CHECKPOINT_URL or BAILIWICK_DATABASE_URL"
    )
