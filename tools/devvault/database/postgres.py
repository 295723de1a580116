"""Owns the way to one PostgreSQL server: what is run there as its administrator."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from psycopg import sql

_WAIT = 3
"""Seconds to wait for the server."""


class DatabaseFailure(Exception):  # noqa: N818 - what the server said, not a fault of ours
    """Say why the server did nothing, without the statement: that may hold a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """Run statements on one server, on a connection of their own each time.

    Attributes:
        url: The server's URL, with `{{username}}` and `{{password}}` in it.
        username: The administrator.
        password: The administrator's password.
    """

    url: str
    username: str
    password: str = field(repr=False)

    def run(self, statements: Iterable[str], values: Mapping[str, str]) -> None:
        """Run statements in one transaction, with `{{name}}` filled in for each value.

        Raises:
            DatabaseFailure: If one fails; then none has taken effect.
        """
        with self._connected() as connection:
            for statement in statements:
                connection.execute(filled(statement, values).encode())

    def drop(self, name: str) -> None:
        """Take every right on the current database's tables from a user, and drop it.

        Raises:
            DatabaseFailure: If that fails, such as where the user owns something.
        """
        with self._connected() as connection:
            if connection.execute(_KNOWN, [name]).fetchone() is None:
                return
            user = sql.Identifier(name)
            for (schema,) in connection.execute(_SCHEMAS, [name]).fetchall():
                for revoke in _REVOKE:
                    connection.execute(revoke.format(sql.Identifier(schema), user))
            connection.execute(_DISCONNECT.format(sql.Identifier(connection.info.dbname), user))
            connection.execute(_DROP.format(user))

    @contextmanager
    def _connected(self) -> Generator[psycopg.Connection]:
        values = {"username": self.username, "password": self.password}
        url = filled(self.url, {name: quote(value, safe="") for name, value in values.items()})
        try:
            with psycopg.connect(url, connect_timeout=_WAIT) as connection:
                yield connection
        except psycopg.Error as error:
            raise DatabaseFailure(_sentence(error)) from None


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with each `{{name}}` replaced by its value."""
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _sentence(error: psycopg.Error) -> str:
    if error.diag.message_primary:
        return f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})"
    return "the server cannot be reached"


_KNOWN = sql.SQL("SELECT FROM pg_roles WHERE rolname = %s")
_SCHEMAS = sql.SQL(
    "SELECT DISTINCT table_schema FROM information_schema.role_table_grants WHERE grantee = %s "
    "UNION SELECT 'public' WHERE to_regnamespace('public') IS NOT NULL"
)
_REVOKE = (
    sql.SQL("REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA {} FROM {}"),
    sql.SQL("REVOKE ALL PRIVILEGES ON ALL SEQUENCES IN SCHEMA {} FROM {}"),
    sql.SQL("REVOKE USAGE ON SCHEMA {} FROM {}"),
)
_DISCONNECT = sql.SQL("REVOKE ALL PRIVILEGES ON DATABASE {} FROM {}")
_DROP = sql.SQL("DROP ROLE IF EXISTS {}")
