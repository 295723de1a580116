"""Owns the databases of a story: where they are, and what somebody with access does to them."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

import psycopg


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Say where a module's desks keep their ledger and their checkpoints."""

    kind: str
    ledger: str
    checkpoints: str


def execute(url: str, *statements: str) -> None:
    """Run SQL in a database behind the product's back."""
    if url.startswith("postgresql:"):
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        return
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).close()


def copy_thread(url: str, old: str, new: str) -> None:
    """Copy every checkpoint of a thread, as a server's `copy` does: by rows."""
    for table, columns in _columns(url).items():
        if "thread_id" not in columns:
            continue
        others = ", ".join(column for column in columns if column != "thread_id")
        execute(
            url,
            f"INSERT INTO {table} (thread_id, {others}) "  # noqa: S608 - the database's own names
            f"SELECT '{new}', {others} FROM {table} WHERE thread_id = '{old}'",
        )


def _columns(url: str) -> dict[str, list[str]]:
    if url.startswith("postgresql:"):
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public'"
            ).fetchall()
    else:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            rows = database.execute(
                "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c "
                "WHERE m.type = 'table'"
            ).fetchall()
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found
