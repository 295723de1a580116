"""Owns the engine for a ledger's URL: how SQLite and PostgreSQL are connected to, and pooled."""

import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records.database_errors import NOWHERE
from bailiwick.tools.records.postgresql import connection_options
from bailiwick.tools.records.sqlite_files import make_private, write_ahead

_IDLE = 30.0
"""Seconds after which a pooled connection to PostgreSQL may be cut without a word."""
_SQLITE_OPTIONS = frozenset(
    {"cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout"}
)
"""What Python's driver takes itself; everything else is SQLite's, which reads it in a URI alone."""


def address_of(url: str) -> URL:
    """Read a ledger's URL.

    Raises:
        LedgerError: If it is none, may be read in more than one way, or names a kind of database
            that the ledger does not know.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerError(f"the ledger's URL cannot be read: {_FORMS}") from None
    match address.drivername:
        case "sqlite":
            _check_file(address)
            return address
        case "postgres" | "postgresql" | "postgresql+psycopg":
            _check_at_signs(url, address)
            return address.set(drivername="postgresql+psycopg")
        case other:
            raise LedgerError(f"the ledger does not know {other!r} databases: {_FORMS}")


def _check_file(address: URL) -> None:
    # SQLite's engine would be refused it; `sqlite://` alone is a database in memory.
    if any(part is not None for part in (address.host, address.port, address.username)):
        raise LedgerError(f"the ledger's URL names a host, where SQLite has files: {_FORMS}")
    if "uri" not in address.query and not _SQLITE_OPTIONS.issuperset(address.query):
        raise LedgerError(
            f"the ledger {name_of(address)} would be opened without what follows the '?' in its "
            "URL: write sqlite:///file:PATH?mode=ro&uri=true"
        )


def _check_at_signs(url: str, address: URL) -> None:
    # Read wrongly, parts of a password are the host's or the database's name, and would be told.
    if url.count("@") > 1 or "@" in (address.database or ""):
        raise LedgerError(
            "the ledger's URL can be read in more than one way: write @ in the user or the "
            "password as %40, and / as %2F"
        )


def name_of(address: URL) -> str:
    """Return what tells a database from others in a sentence, without a password."""
    if address.get_backend_name() == "sqlite":
        return repr(address.database or ":memory:")
    host = address.host or address.query.get("host") or "the default host"
    port = "" if address.port is None else f", port {address.port}"
    # Left out, libpq takes the one that is named like the user.
    return f"{address.database or address.username or 'the default database'!r} at {host!r}{port}"


def file_of(address: URL) -> Path | None:
    """Return the file of a SQLite database, also where a URI names it; None for any other."""
    if address.get_backend_name() != "sqlite" or is_in_memory(address):
        return None
    name = str(address.database)
    return Path(unquote(name.removeprefix("file:")) if "uri" in address.query else name)


def is_in_memory(address: URL) -> bool:
    """Tell whether a database is in this process's memory, and gone with it."""
    return address.get_backend_name() == "sqlite" and address.database in {None, "", ":memory:"}


def connect(address: URL, *, wait: float) -> Engine:
    """Return the engine for an address; nothing is connected to yet.

    Args:
        address: The database.
        wait: Seconds to wait for a connection, and for a lock.

    Raises:
        LedgerError: If what connects to it is not installed, or the address says what cannot be.
    """
    create = _sqlite if address.get_backend_name() == "sqlite" else _postgresql
    try:
        return create(address, wait)
    except (ArgumentError, ValueError):
        raise LedgerError(f"the ledger {name_of(address)} {NOWHERE}") from None


def _postgresql(address: URL, wait: float) -> Engine:
    try:
        engine = create_engine(
            address,
            connect_args=connection_options(wait=wait, given=address.query),
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            pool_timeout=wait,
            use_native_hstore=False,
        )
    except ModuleNotFoundError:
        raise LedgerError(
            f"the ledger {name_of(address)} needs psycopg: "
            "install bailiwick with its extra 'postgres'"
        ) from None
    _limit_waits(engine, wait)
    _try_connections(engine)
    return engine


def _sqlite(address: URL, wait: float) -> Engine:
    in_memory = is_in_memory(address)
    make_private(address.database)
    engine = create_engine(
        address,
        connect_args={"timeout": wait, "check_same_thread": False},
        hide_parameters=True,
        paramstyle="named",
        poolclass=QueuePool,
        pool_timeout=wait,
        # A database in memory lives as long as its one connection, which the threads take in turn.
        pool_size=1 if in_memory else 5,
        max_overflow=0 if in_memory else 27,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        # Transactions begin where `begin` below says so, not where Python's driver guesses.
        connection.isolation_level = None
        connection.text_factory = _text
        connection.create_function("database_clock", 0, time.time)
        connection.execute("PRAGMA foreign_keys=ON").close()
        write_ahead(connection, wait)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        flushes: bool | None = connection.info.get("flushes")
        driver: Any = connection.connection.driver_connection
        if flushes is None:
            driver.execute("BEGIN").close()
            return
        driver.execute(f"PRAGMA synchronous={'FULL' if flushes else 'NORMAL'}").close()
        driver.execute("BEGIN IMMEDIATE").close()

    return engine


def _text(stored: bytes) -> str:
    # Bytes that somebody has overwritten must be readable, or the place could not be named.
    return stored.decode("utf-8", "surrogateescape")


def _limit_waits(engine: Engine, wait: float) -> None:
    """Wait for no lock longer than this; PgBouncer refuses to be told so with the connection."""

    @event.listens_for(engine, "connect")
    def limit(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's own
        connection.execute(f"SET lock_timeout = {int(wait * 1000)}")
        connection.commit()


def _try_connections(engine: Engine) -> None:
    """Look at a connection before it is used: with a question after a while, else without one."""

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def keep(_: object, entry: ConnectionPoolEntry) -> None:
        entry.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def attempt(connection: Any, entry: ConnectionPoolEntry, _: object) -> None:  # noqa: ANN401 - whatever the driver returns
        try:
            # What a server says as it goes comes first, and that it is gone only after that.
            connection.pgconn.consume_input()
            connection.pgconn.consume_input()
            if time.monotonic() - entry.info["used"] > _IDLE:
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise InvalidatePoolError from None


_FORMS = "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
