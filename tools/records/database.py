"""Owns the way to the ledger's database: its transactions, their turns, its errors in words."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Connection, bindparam, func, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.forks import Opening
from bailiwick.tools.records import database_errors, engines, tables
from bailiwick.tools.records.statements import Statement

WAIT = 5.0
"""Seconds for which a transaction waits for its turn."""

_CREATION = "bailiwick.schema"
"""What two processes that create the tables at once queue for in PostgreSQL."""

_SEED = 0x6261696C69776963
"""Keeps our advisory locks in PostgreSQL apart from others in the same database."""


class Database:
    """Hold one database and its tables, created where they are absent.

    Safe to share between threads. SQLite has one writer at a time: threads of this process take
    turns, and other processes wait for SQLite's own lock.

    Args:
        url: `sqlite:///path`, `sqlite://` (in memory) or `postgresql://...`.
        creates: Whether the tables are made where there are none, or the database is refused.

    Raises:
        LedgerError: If the database cannot be used; the message never shows the URL's password.
    """

    def __init__(self, url: str, *, creates: bool = True) -> None:
        address = engines.address_of(url)
        self.name = engines.name_of(address)
        self.is_sqlite = address.get_backend_name() == "sqlite"
        self.is_in_memory = engines.is_in_memory(address)
        self._opening = Opening(f"the ledger {self.name}", LedgerError)
        self._turn = threading.Lock()
        self._engine = engines.connect(address, wait=WAIT)
        driver = self._engine.dialect.loaded_dbapi
        self._errors = (SQLAlchemyError, driver.Error, UnicodeEncodeError)
        # What reads changes nothing, so PostgreSQL need not be told where it begins and ends.
        self._readers = (
            self._engine
            if self.is_sqlite
            else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        try:
            self._prepare(creates=creates)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, *, flushes: bool) -> Generator[Connection]:
        """Hold one write transaction: committed at the end, rolled back on any error.

        Args:
            flushes: Whether the commit waits for the disk, with all that was committed before it.
                Without, everybody sees it and it survives the end of any process, but the last
                moments before a power failure may be lost.

        Raises:
            LedgerError: If the database fails; everything of the transaction is undone. Or if this
                process is a fork of the one that opened it.
        """
        self._opening.check()
        if self.is_sqlite and not self._turn.acquire(timeout=WAIT):
            raise LedgerError(f"the ledger {self.name} {database_errors.LOCKED}")
        try:
            with self._engine.connect() as connection:
                connection.info["flushes"] = flushes
                connection.info["held"] = set()
                with connection.begin():
                    connection.info["now"] = time.time() if self.is_sqlite else None
                    yield connection
        except self._errors as error:
            raise self._told(error) from None
        finally:
            if self.is_sqlite:
                self._turn.release()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Hold one connection to read from, without waiting for writers.

        Raises:
            LedgerError: If the database fails, or this process is a fork of the one that opened it.
        """
        self._opening.check()
        try:
            with self._readers.connect() as connection:
                connection.info["now"] = connection.info["flushes"] = None
                yield connection
        except self._errors as error:
            raise self._told(error) from None

    def lock(self, connection: Connection, thread: str) -> None:
        """Let nobody else write of `thread` until the transaction ends.

        Taken before anything else of a thread is written, so that no two transactions wait for
        each other.
        """
        held: set[str] = connection.info["held"]
        if not self.is_sqlite and thread not in held:
            lock = _LOCK if connection.info["flushes"] else _LOCK_UNHURRIED
            connection.info["now"] = lock.all(connection, {"thread": thread})[0]["now"]
            held.add(thread)

    def close(self) -> None:
        """Close every connection; a fork closes none of its parent's."""
        self._engine.dispose(close=self._opening.is_here)

    def _told(self, error: Exception) -> LedgerError:
        if isinstance(error, UnicodeEncodeError):
            return LedgerError(
                f"the ledger {self.name} cannot keep half a character (a lone surrogate): "
                "give the thread another id"
            )
        return LedgerError(f"the ledger {self.name} {database_errors.sentence(error)}")

    def _prepare(self, *, creates: bool) -> None:
        with self.reading() as connection:
            version = _version(connection)
        if version is None and not creates:
            raise LedgerError(
                f"there is no ledger in the database {self.name}: name the one that holds it; "
                "`bailiwick run` makes one"
            )
        if version is None or version < tables.SCHEMA_VERSION:
            with self.transaction(flushes=True) as connection:
                self.lock(connection, _CREATION)
                version = _created(connection)
        if version > tables.SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {self.name} was written by a newer bailiwick (schema {version}, this "
                f"one knows {tables.SCHEMA_VERSION}): upgrade bailiwick"
            )


def now(connection: Connection) -> float:
    """Return the database's time in epoch seconds; in a transaction, when it had its turn."""
    told: float | None = connection.info["now"]
    return connection.execute(_NOW).scalar_one() if told is None else told


_NOW = select(tables.database_clock().label("now"))
# PostgreSQL tells the time with the lock, once it is held, and hears with it who does not wait
# for the disk: each would be another way to the server.
_lock = func.pg_advisory_xact_lock(func.hashtextextended(bindparam("thread"), _SEED))
_HELD = select(_lock.label("held"), *_NOW.selected_columns)
_LOCK = Statement(_HELD)
_LOCK_UNHURRIED = Statement(_HELD.add_columns(func.set_config("synchronous_commit", "off", True)))


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(tables.schema.name):
        return None
    version: int | None = connection.scalar(select(func.max(tables.schema.c.version)))
    return version


def _created(connection: Connection) -> int:
    # Somebody else may have done it in the meantime.
    if (version := _version(connection) or 0) >= tables.SCHEMA_VERSION:
        return version
    # Each version so far has added tables and indexes, and changed none.
    for text in _definitions(connection.dialect.name):
        connection.exec_driver_sql(text)
    connection.execute(insert(tables.schema), {"version": tables.SCHEMA_VERSION})
    return tables.SCHEMA_VERSION


@cache
def _definitions(dialect: str) -> tuple[str, ...]:
    """Return what makes the tables and indexes that are absent, compiled once for each dialect."""
    made: list[ExecutableDDLElement] = []
    for table in tables.metadata.sorted_tables:
        made.append(CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made.extend(CreateIndex(index, if_not_exists=True) for index in indexes)
    speaks = sqlite.dialect() if dialect == "sqlite" else postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it so
    return tuple(str(each.compile(dialect=speaks)) for each in made)
