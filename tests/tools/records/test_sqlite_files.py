"""Databases are their owner's alone, and keep a write-ahead log from the first moment."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.records.sqlite_files import make_private, write_ahead


def rights(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("path", [None, "", ":memory:", "file:x?mode=memory", "no/such/folder/x"])
def test_what_is_no_new_file_is_left_alone(
    path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database in memory, a URI, a folder that is missing: nothing is made."""
    monkeypatch.chdir(tmp_path)
    make_private(path)
    assert list(tmp_path.iterdir()) == []


def test_the_ledgers_files_are_their_owners_alone(tmp_path: Path) -> None:
    """The write-ahead log holds what the ledger holds."""
    path = tmp_path / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    with ledger.transaction() as connection:
        ledger.append(connection, "t", Entry("request", {}))
    try:
        assert {each.name: rights(each) for each in tmp_path.iterdir()} == {
            "ledger.db": 0o600,
            "ledger.db-shm": 0o600,
            "ledger.db-wal": 0o600,
        }
    finally:
        ledger.close()


def test_a_file_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    """Somebody may share a ledger with a group on purpose."""
    path = tmp_path / "ledger.db"
    path.touch()
    path.chmod(0o660)
    Ledger(f"sqlite:///{path}").close()
    assert rights(path) == 0o660


def test_several_workers_open_a_new_file_at_once(tmp_path: Path) -> None:
    """SQLite waits for nobody while a file learns of its log; we do."""
    begin = threading.Barrier(6)

    def start(path: Path) -> None:
        begin.wait()
        Ledger(f"sqlite:///{path}").close()

    with ThreadPoolExecutor(6) as pool:
        for number in range(10):
            path = tmp_path / f"{number}.db"
            assert list(pool.map(start, [path] * 6)) == [None] * 6


@pytest.fixture
def read(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that reads in a file without a log, which keeps others from making one."""
    with closing(sqlite3.connect(tmp_path / "l.db", check_same_thread=False)) as connection:
        connection.executescript("CREATE TABLE a(b); BEGIN; SELECT * FROM a;")
        yield connection


def test_a_log_is_waited_for(tmp_path: Path, read: sqlite3.Connection) -> None:
    """Also where SQLite itself gives up at once."""
    with closing(sqlite3.connect(tmp_path / "l.db", timeout=0)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write_ahead(connection, wait=0)
        ends = threading.Timer(0.1, read.rollback)
        ends.start()
        write_ahead(connection, wait=60)
        ends.join()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
