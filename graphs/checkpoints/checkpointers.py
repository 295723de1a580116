"""Owns the checkpoints' database: SQLite or PostgreSQL by URL, with LangGraph's strict types."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from bailiwick.graphs.checkpoints.sealed_saver import SealedSaver
from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.graphs.checkpoints.serializer import CompactSerializer
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.records.database_errors import sentence
from bailiwick.tools.records.sqlite_files import make_private, write_ahead

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection
    from psycopg.rows import DictRow
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

    from bailiwick.graphs.checkpoints.sqlite_saver import DualSqliteSaver

POOL_SIZE = 10

WAIT = 5
"""Seconds to wait for a connection, or for SQLite's one writer."""

PATIENCE = 60
"""Seconds to wait while another process makes the tables."""

_GLANCE = 0.02
_TURN = "SELECT pg_try_advisory_lock(%s) AS is_ours"
_SEED = 0x6261696C69636B70
"""Keeps our advisory lock in PostgreSQL apart from others in the same database."""

_EACH_ITS_OWN: Any = nullcontext()
"""In the place of LangGraph's lock, which lets one call at a time to the database: that is for a
connection that all share, and here each call gets one of the pool's."""

_SYNCHRONOUS = "PRAGMA synchronous=NORMAL"
"""No end of a process loses a checkpoint then; a power failure may set threads back by some steps.
What ran in those stands in the ledger, but a model that is called anew asks for another call."""


@contextmanager
def open_checkpointer(
    url: str, sealing: SealingSerializer | None = None
) -> Generator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints for `invoke` and `stream`, their tables made where they are missing.

    Args:
        url: `sqlite:///path`, `sqlite://` (in memory) or `postgresql://user:password@host/name`.
        sealing: Seals them; they are kept in the clear where left out.

    Raises:
        SettingsError: If the database cannot be opened.
    """
    if _is_sqlite(url):
        with closing(_open_sqlite(url)) as saver:
            yield _sealed(saver, sealing, is_whole=True)
        return
    with _plainly(url):
        from langgraph.checkpoint.postgres import PostgresSaver  # noqa: PLC0415 - as above

        _prepare(_plain(url))
        pool = _pool(_plain(url))
    with pool:
        postgres = PostgresSaver(pool, serde=CompactSerializer())
        postgres.lock = _EACH_ITS_OWN
        yield _sealed(postgres, sealing, is_whole=False)


@asynccontextmanager
async def open_async_checkpointer(
    url: str, sealing: SealingSerializer | None = None
) -> AsyncGenerator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints for `ainvoke` and `astream`; see `open_checkpointer`.

    Raises:
        SettingsError: If the database cannot be opened.
    """
    if _is_sqlite(url):
        saver = await asyncio.to_thread(_open_sqlite, url)
        try:
            yield _sealed(saver, sealing, is_whole=True)
        finally:
            await asyncio.to_thread(saver.close)
        return
    with _plainly(url):
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415 - as above

        await asyncio.to_thread(_prepare, _plain(url))
        pool = _async_pool(_plain(url))
    async with pool:
        postgres = AsyncPostgresSaver(pool, serde=CompactSerializer())
        postgres.lock = _EACH_ITS_OWN
        yield _sealed(postgres, sealing, is_whole=False)


def _sealed(
    saver: BaseCheckpointSaver[Any], sealing: SealingSerializer | None, *, is_whole: bool
) -> BaseCheckpointSaver[Any]:
    return saver if sealing is None else SealedSaver(saver, sealing, is_whole=is_whole)


def _is_sqlite(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and (rest == "" or rest.startswith("/")):
        return True
    if scheme in {"postgresql", "postgres", "postgresql+psycopg"}:
        return False
    # The rest may hold a password.
    raise SettingsError(
        f"checkpoints cannot be kept at {scheme!r}: use sqlite:///PATH or "
        "postgresql://USER:PASSWORD@HOST/DATABASE"
    )


def _path(url: str) -> str:
    return url.removeprefix("sqlite://").removeprefix("/") or ":memory:"


def _plain(url: str) -> str:
    # The ledger's URL may name its driver; psycopg itself does not know that form.
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _open_sqlite(url: str) -> "DualSqliteSaver":
    from bailiwick.graphs.checkpoints.sqlite_saver import (  # noqa: PLC0415 - one of two is needed
        DualSqliteSaver,
    )

    saver = DualSqliteSaver(_connect(_path(url)), CompactSerializer())
    try:
        with _plainly(url):
            saver.setup()
    except SettingsError:
        saver.close()
        raise
    return saver


def _connect(path: str) -> sqlite3.Connection:
    make_private(path)
    with _plainly(f"sqlite:///{path}"):
        connection = sqlite3.connect(path, timeout=WAIT, check_same_thread=False)
        try:
            # Told now, that it is locked or read-only is one wait: in a run, each write would wait.
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
            # LangGraph's saver says so, too, and would fail where another process does it just now.
            write_ahead(connection, WAIT)
            connection.execute(_SYNCHRONOUS)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _prepare(url: str) -> None:
    """Make LangGraph's tables where they are missing, one process at a time.

    It is also the first connection: a pool would try for long and not say what is wrong.
    """
    from langgraph.checkpoint.postgres import PostgresSaver  # noqa: PLC0415 - as below
    from psycopg import Connection  # noqa: PLC0415 - only where PostgreSQL is used
    from psycopg.rows import DictRow  # noqa: PLC0415 - as above

    with closing(Connection[DictRow].connect(url, **_connection_options())) as connection:
        _take_turn(connection)
        PostgresSaver(connection).setup()


def _take_turn(connection: "Connection[DictRow]") -> None:
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


def _pool(url: str) -> "ConnectionPool[Connection[DictRow]]":
    from psycopg import Connection  # noqa: PLC0415 - only where PostgreSQL is used
    from psycopg.rows import DictRow  # noqa: PLC0415 - as above
    from psycopg_pool import ConnectionPool  # noqa: PLC0415 - as above

    return ConnectionPool(
        url, kwargs=_connection_options(), connection_class=Connection[DictRow], **_SIZE
    )


def _async_pool(url: str) -> "AsyncConnectionPool[AsyncConnection[DictRow]]":
    from psycopg import AsyncConnection  # noqa: PLC0415 - only where PostgreSQL is used
    from psycopg.rows import DictRow  # noqa: PLC0415 - as above
    from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415 - as above

    return AsyncConnectionPool(
        url, kwargs=_connection_options(), connection_class=AsyncConnection[DictRow], **_SIZE
    )


_SIZE: dict[str, Any] = {"min_size": 1, "max_size": POOL_SIZE, "timeout": WAIT, "open": False}


def _connection_options() -> dict[str, Any]:
    from psycopg.rows import dict_row  # noqa: PLC0415 - only where PostgreSQL is used

    # What LangGraph's savers ask of their connections.
    saver = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    return {**saver, "connect_timeout": WAIT}


@contextmanager
def _plainly(url: str) -> Generator[None]:
    """Say in our words what is wrong with the database; theirs may hold parts of its URL."""
    try:
        yield
    except ModuleNotFoundError:
        raise SettingsError(
            "checkpoints in PostgreSQL need psycopg: install bailiwick with its extra 'postgres'"
        ) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"sqlite3", "psycopg", "psycopg_pool"}:
            raise
        place = repr(_path(url)) if _is_sqlite(url) else "in PostgreSQL"
        why = "cannot be found at such a URL: use postgresql://USER:PASSWORD@HOST/DATABASE"
        if type(error).__name__ != "ProgrammingError":
            why = sentence(error)
        raise SettingsError(f"the checkpoints' database {place} {why}") from None
