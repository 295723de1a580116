"""Owns the words for what can go wrong with the ledger's database, each with its remedy."""

import sqlite3

from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

NOWHERE = "cannot be found at such a URL: check what follows the '?' in it"
LOCKED = "is locked by somebody else: let them finish or end them, then try again"
_READ_ONLY = "is read-only: allow writing to it, or name another database"
_FULL = "has no space left on its disk: make room, then try again"
_DAMAGED = "is damaged or no database at all: restore it from a backup, or choose another path"
_TABLES = "does not have the tables it should have: give it a database of its own"
_UNREACHABLE = (
    "cannot be reached: check that PostgreSQL runs there and has a connection free, and the URL's "
    "host, port, user, password, database and sslmode"
)
_EXHAUSTED = "has no connection free: let others finish, or allow PostgreSQL more connections"
_CANCELLED = (
    "broke off what was asked of it: see what limits its time there, such as statement_timeout, or "
    "who cancelled it"
)
_POOLED = (
    "is asked through a pool that gives each transaction another connection: have it keep whole "
    "sessions together (PgBouncer's pool_mode=session)"
)

_SQLITE_SENTENCES = {
    sqlite3.SQLITE_ERROR: _TABLES,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "cannot be read or written: check its disk",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its folder exists and may be written",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}

_POSTGRESQL_SENTENCES = {
    "08": _UNREACHABLE,
    "25006": _READ_ONLY,
    "25P03": _CANCELLED,
    "26000": _POOLED,
    "28": "refuses the login: check the URL's user and password",
    "3D": "does not exist: create it, or correct the URL",
    "3F": "has no schema to keep tables in: create the one that search_path names, or correct that",
    "40": LOCKED,
    "42P05": _POOLED,
    "42501": "may not be used by this user: grant it the right to create tables and write them",
    "42": _TABLES,
    "53100": _FULL,
    "53": _EXHAUSTED,
    "55P03": LOCKED,
    "57": _UNREACHABLE,
    "57014": _CANCELLED,
}
"""By SQLSTATE or its first two characters, its class (PostgreSQL manual, appendix A)."""


def sentence(error: Exception) -> str:
    """Return how a sentence about the database ends after `error`: what is wrong and the remedy.

    Nothing of the error's own text is in it: that may hold values, and parts of the URL.
    """
    if isinstance(error, PoolTimeoutError):
        return _EXHAUSTED
    if _is_about_the_url(error):
        return NOWHERE
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        # The lowest byte is the primary code (sqlite.org/rescode.html).
        words = _SQLITE_SENTENCES.get(getattr(cause, "sqlite_errorcode", -1) & 0xFF)
    else:
        state = _state(cause)
        words = _POSTGRESQL_SENTENCES.get(state) or _POSTGRESQL_SENTENCES.get(state[:2])
    return words or f"refused what was asked of it ({type(cause).__name__}): report it"


def _is_about_the_url(error: Exception) -> bool:
    # Psycopg tries no connection that it cannot describe: there is no statement, and no state.
    return (
        isinstance(error, ProgrammingError) and error.statement is None and not _state(error.orig)
    )


def _state(cause: BaseException | None) -> str:
    state = getattr(cause, "sqlstate", None)
    # A connection that never came about, or broke, has no state.
    return state or ("08" if type(cause).__name__.endswith(("OperationalError", "Timeout")) else "")
