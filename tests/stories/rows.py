"""Owns what somebody does who can write the checkpoints' database, and what they find there."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import psycopg
from tests.stories.databases import Place, execute
from tests.stories.search import join

VALUES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "sqlite": (("checkpoints", "checkpoint"), ("writes", "value")),
    "postgresql": (("checkpoint_blobs", "blob"), ("checkpoint_writes", "blob")),
}
"""Where savers keep values: table and column, by the kind of database."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("checkpoints", "writes"),
    "postgresql": ("checkpoints", "checkpoint_blobs", "checkpoint_writes"),
}
"""The tables of checkpoints, by the kind of database."""

KEYS = ("checkpoint_keys", "retired_versions")
"""The tables of their keys, in the ledger's database."""


def query(url: str, statement: str, *given: object) -> list[tuple[Any, ...]]:
    """Run a query past the product, with `?` for each value given."""
    if url.startswith("postgresql:"):
        with psycopg.connect(url) as connection:
            return connection.execute(statement.replace("?", "%s").encode(), given).fetchall()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return connection.execute(statement, given).fetchall()


def everything(place: Place) -> bytes:
    """Return all that the checkpoints' tables hold, also decoded as far as that is possible."""
    tables = TABLES[place.kind]
    rows = [row for table in tables for row in query(place.checkpoints, f"SELECT * FROM {table}")]  # noqa: S608 - ours
    return join(value for row in rows for value in row)


def change(place: Place, where: tuple[str, str], thread: str, by: Callable[[bytes], bytes]) -> int:
    """Change every value of a thread in one column; return how many there were."""
    table, column = where
    select = f"SELECT {column} FROM {table} WHERE thread_id = ?"  # noqa: S608 - ours
    update = f"UPDATE {table} SET {column} = ? WHERE thread_id = ? AND {column} = ?"  # noqa: S608 - ours
    held = {bytes(row[0]) for row in query(place.checkpoints, select, thread) if row[0]}
    _run(place.checkpoints, update, [(by(value), thread, value) for value in held])
    return len(held)


def taken(place: Place, where: tuple[str, str], thread: str) -> tuple[bytes, ...]:
    """Return every value of a thread in one column."""
    table, column = where
    select = f"SELECT {column} FROM {table} WHERE thread_id = ? ORDER BY 1"  # noqa: S608 - ours
    return tuple(bytes(row[0]) for row in query(place.checkpoints, select, thread) if row[0])


def back_up(url: str, *tables: str, name: str = "old") -> None:
    """Copy tables as they are, in place of the copies of that name."""
    drop = [f"DROP TABLE IF EXISTS {name}_{table}" for table in tables]
    copy = [f"CREATE TABLE {name}_{table} AS SELECT * FROM {table}" for table in tables]  # noqa: S608 - ours
    execute(url, *drop, *copy)


def restore(url: str, *tables: str, name: str = "old") -> None:
    """Put the copies of tables into their place."""
    empty = [f"DELETE FROM {table}" for table in tables]  # noqa: S608 - ours
    fill = [f"INSERT INTO {table} SELECT * FROM {name}_{table}" for table in tables]  # noqa: S608 - ours
    execute(url, *empty, *fill)


def _run(url: str, statement: str, given: Sequence[Sequence[object]]) -> None:
    if url.startswith("postgresql:"):
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.executemany(statement.replace("?", "%s").encode(), given)
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as opened, opened:
        opened.executemany(statement, given)
