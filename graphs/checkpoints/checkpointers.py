"""Owns the checkpoints' database: SQLite or PostgreSQL by URL, with LangGraph's strict types."""

import asyncio
import sqlite3
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
    from bailiwick.graphs.checkpoints.sqlite_saver import DualSqliteSaver

WAIT = 5
"""Seconds to wait for SQLite's one writer."""

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
        from langgraph.checkpoint.postgres import PostgresSaver  # noqa: PLC0415 - an extra

        from bailiwick.graphs.checkpoints import postgres_pools  # noqa: PLC0415 - as above

        postgres_pools.prepare(_plain(url))
        pool = postgres_pools.Pool(_plain(url))
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

        from bailiwick.graphs.checkpoints import postgres_pools  # noqa: PLC0415 - as above

        await asyncio.to_thread(postgres_pools.prepare, _plain(url))
        pool = postgres_pools.AsyncPool(_plain(url))
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
    # The rest may hold a password, and without a scheme all of it is the rest.
    where = repr(scheme) if "://" in url else "what is no URL"
    raise SettingsError(
        f"checkpoints cannot be kept at {where}: use sqlite:///PATH or "
        "postgresql://USER:PASSWORD@HOST/DATABASE"
    )


def _path(url: str) -> str:
    if "?" in url:
        raise SettingsError(
            "the checkpoints' database would be a file named after what follows the '?' in its "
            "URL, too: write sqlite:///PATH"
        )
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
