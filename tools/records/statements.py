"""Owns statements that differ in their values alone: compiled once, run by the driver itself."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, SelectBase, Table, UpdateBase, func, select
from sqlalchemy.dialects import postgresql, sqlite

from bailiwick.policies.errors import LedgerError

Row: TypeAlias = dict[str, Any]
"""One row that was found: its values by the names of their columns."""

_YEAR_10000 = 253_402_300_800


class Statement:
    """Run one statement with its values by name, again and again.

    What stands in the way of a call is run so. For each execution SQLAlchemy makes a context, a
    result and its metadata, which takes two thirds of a statement's time on SQLite; nothing in
    them differs from one time to the next.

    Args:
        clause: The statement, with a `bindparam` for each value that differs.
        columns: Of an `insert`, the names of the columns that are given.
    """

    def __init__(
        self, clause: SelectBase | UpdateBase, *, columns: Iterable[str] | None = None
    ) -> None:
        self._clause = clause
        self._columns = None if columns is None else list(columns)
        names = clause.selected_columns.keys() if isinstance(clause, SelectBase) else ()
        self._names = tuple(names)
        self._compiled: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def one(self, connection: Connection, values: Mapping[str, object]) -> Row | None:
        """Return the first row that it finds, if it finds any."""
        found = self._run(connection, values).fetchone()
        return None if found is None else dict(zip(self._names, found, strict=True))

    def all(self, connection: Connection, values: Mapping[str, object]) -> list[Row]:
        """Return every row that it finds."""
        rows = self._run(connection, values).fetchall()
        return [dict(zip(self._names, row, strict=True)) for row in rows]

    def change(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Tell how many rows it has inserted, changed or deleted."""
        count: int = self._run(connection, values).rowcount
        return count

    def each(self, connection: Connection, values: Sequence[Mapping[str, object]]) -> int:
        """Insert or change once for each of several sets of values, on one way to the server.

        It tells how many rows that were in all.
        """
        # For one the driver need not make a pipeline, which says much when the server goes away.
        count: int = self._run(connection, values if len(values) > 1 else values[0]).rowcount
        return count

    def _run(
        self, connection: Connection, values: Mapping[str, object] | Sequence[Mapping[str, object]]
    ) -> Any:  # noqa: ANN401 - the driver's cursor
        dialect = connection.dialect
        if (compiled := self._compiled.get(dialect.name)) is None:
            compiled = self._compiled[dialect.name] = self._compile(connection)
        text, fixed = compiled
        driver: Any = connection.connection.driver_connection
        try:
            cursor = driver.cursor()
            if isinstance(values, Mapping):
                cursor.execute(text, {**fixed, **values})
            else:
                cursor.executemany(text, [{**fixed, **each} for each in values])
        except dialect.loaded_dbapi.Error as error:
            if dialect.is_disconnect(error, driver, None):
                connection.invalidate(error)
            raise
        return cursor

    def _compile(self, connection: Connection) -> tuple[str, Mapping[str, Any]]:
        compiled = self._clause.compile(dialect=connection.dialect, column_keys=self._columns)
        # The driver misses those that are required where they are not given.
        fixed = {
            name: bind.effective_value
            for bind, name in compiled.bind_names.items()
            if not bind.required
        }
        return str(compiled), fixed


def count(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    """Count the rows that meet all conditions."""
    found = connection.execute(select(func.count()).select_from(table).where(*where))
    return found.scalar_one()


def insert_once(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert a row unless one with its key is there already; tell whether it was inserted."""
    return _insert_once(connection.dialect.name, table, tuple(row)).change(connection, row) == 1


@cache
def _insert_once(dialect: str, table: Table, columns: tuple[str, ...]) -> Statement:
    made = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return Statement(made.on_conflict_do_nothing(), columns=columns)


def check_times(row: Row, *columns: str) -> None:
    """Refuse what is no time: SQLite keeps in a column whatever others have put there.

    Raises:
        ValueError: If a column that is named, and is not empty, holds none.
    """
    for value in (row[column] for column in columns):
        if value is not None and not (isinstance(value, int | float) and 0 <= value < _YEAR_10000):
            raise ValueError("no time")


@contextmanager
def readable(what: str) -> Generator[None]:
    """Name the row that is read within, where it was changed by others and cannot be.

    Raises:
        LedgerError: If it cannot be read.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError):
        raise LedgerError(
            f"{what} was changed in the ledger's database and cannot be read: put its row back "
            "from a backup"
        ) from None
