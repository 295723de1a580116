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
