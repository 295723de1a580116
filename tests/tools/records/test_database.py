"""The database is opened, shared and left by rules, and says in a sentence what is wrong."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from tests.conftest import Cluster
from tests.tools.records.entries import append, fill

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Entry, Ledger

FULL = 2
"""What SQLite calls waiting for the disk at each commit."""


def test_a_thread_that_is_no_text_is_refused(ledger: Ledger) -> None:
    """Both databases keep Unicode, and PostgreSQL no zero."""
    with pytest.raises(LedgerError, match="half a character"):
        append(ledger, "\ud800", Entry("decision", {}))
    with pytest.raises(LedgerError, match="cannot be recorded"):
        append(ledger, "a", Entry("decision", {"text": "\ud800"}))
    assert ledger.verify().records == 0


def test_only_what_need_not_wait_for_the_disk_does_not(ledger: Ledger) -> None:
    """The setting is the transaction's own: the next one on the same connection has its own."""

    def waits(*, flushes: bool) -> bool:
        with ledger.transaction(flushes=flushes) as connection:
            ledger.append(connection, "a", Entry("decision", {}))
            if connection.dialect.name == "sqlite":
                return bool(connection.scalar(text("PRAGMA synchronous")) == FULL)
            return bool(connection.scalar(text("SHOW synchronous_commit")) == "on")

    assert waits(flushes=True)
    assert not waits(flushes=False)
    assert waits(flushes=True)
    assert ledger.verify().records == 3


# Forked after the imports, which cost more than all the rest.
WRITERS = """
import sys
from multiprocessing import get_context
from bailiwick.tools.records.ledger import Entry, Ledger

def write(worker):
    ledger = Ledger(sys.argv[1])
    for number in range(10):
        with ledger.transaction() as connection:
            ledger.append(connection, "a", Entry("decision", {"worker": worker}))
    ledger.close()

with get_context("fork").Pool(4) as pool:
    pool.map(write, range(4), chunksize=1)
"""


def test_many_processes_create_and_write_one_ledger(database_url: str) -> None:
    """Whoever comes first creates the tables; all write one chain."""
    subprocess.run([sys.executable, "-c", WRITERS, database_url], check=True)
    ledger = Ledger(database_url)
    assert ledger.verify().records == 40
    assert ledger.verify().is_sound
    ledger.close()


def test_a_ledger_in_memory_is_shared_by_threads(memory: Ledger) -> None:
    """One database, however many threads write and read it."""

    def work(number: int) -> int:
        append(memory, "a", Entry("decision", {"number": number}))
        return len(list(memory.records()))

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(work, range(40))) == 40
    assert memory.verify().records == 40


def test_an_opened_ledger_keeps_what_is_there(database_url: str) -> None:
    """Tables are created only where they are absent."""
    for number in range(2):
        ledger = Ledger(database_url)
        append(ledger, "a", Entry("decision", {"number": number}))
        ledger.close()
    ledger = Ledger(database_url)
    assert [r.body["number"] for r in ledger.records()] == [0, 1]
    ledger.close()


def test_an_older_schema_gets_what_is_new(database_url: str) -> None:
    """The first had no table of branches, and no requests by their thread."""
    ledger = Ledger(database_url)
    with ledger.transaction() as connection:
        tables.branches.drop(connection)
        connection.execute(text("DROP INDEX approvals_by_thread"))
        connection.execute(tables.schema.update().values(version=1))
    ledger.close()

    for _ in range(2):
        ledger = Ledger(database_url)
        with ledger.reading() as connection:
            assert connection.execute(tables.branches.select()).all() == []
            found = connection.scalars(tables.schema.select().order_by("version")).all()
            indexes = inspect(connection).get_indexes("approvals")
        assert found == [1, tables.SCHEMA_VERSION]
        assert "approvals_by_thread" in {each["name"] for each in indexes}
        ledger.close()


def test_a_newer_schema_is_left_alone(database_url: str) -> None:
    """An older program cannot know what it would break."""
    ledger = Ledger(database_url)
    with ledger.transaction() as connection:
        connection.execute(tables.schema.insert(), {"version": tables.SCHEMA_VERSION + 1})
    ledger.close()
    with pytest.raises(LedgerError, match=r"newer bailiwick .* upgrade"):
        Ledger(database_url)


def test_sqlite_is_set_up_to_survive(sqlite_url: str) -> None:
    """Write-ahead log, every commit on disk, foreign keys kept."""
    ledger = Ledger(sqlite_url)
    pragmas = {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}
    with ledger.reading() as connection:
        for pragma, value in pragmas.items():
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar_one() == value
    ledger.close()


def test_a_locked_database_is_told_in_a_sentence(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for five seconds learns what to do."""
    monkeypatch.setattr("bailiwick.tools.records.database.WAIT", 0.05)
    ledger = Ledger(sqlite_url)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(LedgerError) as caught:
        append(ledger, "a", Entry("decision", {}))

    path = str(tmp_path / "ledger.db")
    assert str(caught.value) == (
        f"the ledger {path!r} is locked by somebody else: "
        "let them finish or end them, then try again"
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    other.execute("ROLLBACK")
    other.close()
    append(ledger, "a", Entry("decision", {}))
    assert ledger.verify().records == 1
    ledger.close()


def test_a_locked_thread_is_told_in_a_sentence(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its own writers wait; another thread's go on."""
    monkeypatch.setattr("bailiwick.tools.records.database.WAIT", 0.1)
    one, two = Ledger(postgres_url), Ledger(postgres_url)
    with one.transaction() as connection:
        one.append(connection, "a", Entry("decision", {}))
        append(two, "b", Entry("decision", {}))
        with pytest.raises(LedgerError, match="is locked by somebody else"):
            append(two, "a", Entry("decision", {}))
    assert [(r.thread, r.seq) for r in two.records()] == [("a", 1), ("b", 1)]
    one.close()
    two.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(LedgerError, match="is damaged or no database at all"):
        Ledger(f"sqlite:///{path}")
    assert path.read_text() == "not a database " * 100


def test_a_read_only_database_can_be_read_and_says_so_when_written(tmp_path: Path) -> None:
    """An auditor's copy verifies; writing to it is refused in a sentence."""
    path = tmp_path / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    fill(ledger)
    with ledger.reading() as connection:
        connection.execute(text("SELECT 1"))
        copy = Ledger(f"sqlite:///file:{path}?mode=ro&uri=true")
        assert copy.verify().records == 10
        with pytest.raises(LedgerError, match="is read-only: allow writing to it"):
            append(copy, "a", Entry("decision", {}))
        copy.close()
    ledger.close()


def test_a_full_disk_is_told_and_leaves_the_chain_sound(sqlite_url: str) -> None:
    """Nothing of the transaction is kept."""
    ledger = Ledger(sqlite_url)
    append(ledger, "a", Entry("decision", {}))

    def fill_up(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1"))
        for _ in range(100):
            ledger.append(connection, "a", Entry("decision", {"much": "x" * 10_000}))

    with pytest.raises(LedgerError, match="no space left"), ledger.transaction() as connection:
        fill_up(connection)
    assert ledger.verify().records == 1
    ledger.close()


def test_an_idle_connection_is_asked_before_it_is_used(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cuts it without a word, as balancers do, tells so when something is sent."""
    ledger = Ledger(postgres_url)
    asked: list[object] = []

    def is_gone(_: object, connection: object) -> bool:
        asked.append(connection)
        if len(asked) == 1:
            raise psycopg.OperationalError
        return True

    monkeypatch.setattr("bailiwick.tools.records.engines._IDLE", 0.0)
    monkeypatch.setattr(PGDialect_psycopg, "do_ping", is_gone)
    append(ledger, "a", Entry("decision", {}))
    assert len(set(map(id, asked))) > 1
    assert ledger.verify().records == 1
    ledger.close()


def test_a_database_without_an_encoding(postgres_cluster: Cluster) -> None:
    """As PostgreSQL makes them where there is no locale: texts are texts there, too."""
    url = postgres_cluster.create_database(encoding="SQL_ASCII")
    ledger = Ledger(url)
    append(ledger, "a", Entry("decision", {"price": "5 €"}))
    assert [record.body for record in ledger.records()] == [{"price": "5 €"}]
    ledger.close()


def test_foreign_tables_are_told(sqlite_url: str, tmp_path: Path) -> None:
    """Somebody else's `records` are not written into."""
    raw = sqlite3.connect(tmp_path / "ledger.db")
    raw.execute("CREATE TABLE records (artist TEXT)")
    raw.close()
    ledger = Ledger(sqlite_url)
    with pytest.raises(LedgerError, match="a database of its own"):
        append(ledger, "a", Entry("decision", {}))
    ledger.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_nested_transactions_end_in_a_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would wait for themselves."""
    monkeypatch.setattr("bailiwick.tools.records.database.WAIT", 0.05)
    ledger = Ledger(url)
    with (
        pytest.raises(LedgerError, match="is locked by somebody else"),
        ledger.transaction(),
        ledger.transaction(),
    ):
        pass
    append(ledger, "a", Entry("decision", {}))
    ledger.close()
