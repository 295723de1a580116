"""Owns what befalls the ledger in the stories: locked, read-only, stopped; and its PostgreSQL."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tests.conftest import READY, Cluster
from tests.stories.databases import execute

_LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


class Server:
    """Run a PostgreSQL server that a story may stop.

    Args:
        like: The server of all tests, for its programs and its user.
        folder: A folder that the user may enter; its path must be short, for the socket's sake.
    """

    def __init__(self, like: Cluster, folder: Path) -> None:
        self._like = like
        self._folder = folder
        self._as_user: dict[str, Any] = {"cwd": folder, "text": True}
        if os.geteuid() == 0:
            group = pwd.getpwnam(like.user).pw_gid
            self._as_user |= {"user": like.user, "group": group, "extra_groups": []}
            shutil.chown(folder, like.user)
        options = ("--username", like.user, "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        subprocess.run(
            [like.binaries / "initdb", "--pgdata", folder / "stored", "--no-locale", *options],
            check=True,
            capture_output=True,
            **self._as_user,
        )
        self._process = self._run()

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://{self._like.user}@/postgres?host={self._folder}"

    def start(self) -> None:
        """Start it again after it was stopped."""
        self._process = self._run()

    def stop(self) -> None:
        """Stop it as a failing machine would: nobody is asked, nothing is tidied up."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(READY)

    def _run(self) -> "subprocess.Popen[str]":
        with (self._folder / "server.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [
                    self._like.binaries / "postgres",
                    *("-D", self._folder / "stored", "-k", self._folder),
                    *("-c", "listen_addresses=", "-c", "fsync=off"),
                    # Stopped, it loses every commit that nobody has waited for.
                    *("-c", "wal_writer_delay=10s"),
                ],
                stdout=log,
                stderr=log,
                **self._as_user,
            )
        deadline = time.monotonic() + READY
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return process


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgers:
    """Say where a story's ledger lies, and what runs it where it is PostgreSQL."""

    url: str
    server: Server | None = None


Strike = Callable[[Ledgers], AbstractContextManager[None]]


@contextmanager
def locked_sqlite(ledger: Ledgers) -> Generator[None]:
    """Have another process write, and not come to an end."""
    path = ledger.url.removeprefix("sqlite:///")
    args = [sys.executable, "-c", _LOCKS, path]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield
        process.stdin.close()


@contextmanager
def locked_postgresql(ledger: Ledgers) -> Generator[None]:
    """Have another connection hold the table, as somebody does who mends it."""
    with psycopg.connect(ledger.url) as connection:
        connection.execute("LOCK TABLE records IN EXCLUSIVE MODE")
        yield


@contextmanager
def read_only_postgresql(ledger: Ledgers) -> Generator[None]:
    """Make the server refuse to write, as a standby does."""
    setting = "default_transaction_read_only"
    execute(ledger.url, f"ALTER SYSTEM SET {setting} = on", "SELECT pg_reload_conf()")
    _await_setting(ledger.url, setting, "on")
    try:
        yield
    finally:
        execute(ledger.url, f"ALTER SYSTEM RESET {setting}", "SELECT pg_reload_conf()")
        _await_setting(ledger.url, setting, "off")


@contextmanager
def without_its_table(ledger: Ledgers) -> Generator[None]:
    """Take the table of records away."""
    execute(ledger.url, "ALTER TABLE records RENAME TO lost")
    try:
        yield
    finally:
        execute(ledger.url, "ALTER TABLE lost RENAME TO records")


@contextmanager
def stopped(ledger: Ledgers) -> Generator[None]:
    """Stop the server."""
    assert ledger.server is not None
    ledger.server.stop()
    try:
        yield
    finally:
        ledger.server.start()


def _await_setting(url: str, name: str, value: str) -> None:
    """Wait until new connections have a setting, which takes a moment after a reload."""
    deadline = time.monotonic() + READY
    while True:
        with psycopg.connect(url) as connection:
            shown = connection.execute(f"SHOW {name}".encode()).fetchone()
        if shown == (value,):
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


_NO_TABLE = "does not have the tables it should have: give it a database of its own"
STRIKES: dict[str, tuple[Strike, str]] = {
    "sqlite without its table": (without_its_table, _NO_TABLE),
    "postgresql without its table": (without_its_table, _NO_TABLE),
    "sqlite locked": (locked_sqlite, "is locked by somebody else: let them finish or end them"),
    "postgresql locked": (
        locked_postgresql,
        "is locked by somebody else: let them finish or end them",
    ),
    "postgresql read-only": (read_only_postgresql, "is read-only: allow writing to it"),
    "postgresql stopped": (stopped, "cannot be reached: check that PostgreSQL runs there"),
}
"""What befalls a ledger, by its name, with what the operator is told to do."""
