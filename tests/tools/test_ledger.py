"""The ledger keeps one sound chain for each thread, and finds whoever touched it."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text, update

from bailiwick.policies.canonical import Json, canonical
from bailiwick.policies.errors import LedgerError
from bailiwick.tools import chain, tables
from bailiwick.tools.chain import GENESIS, link
from bailiwick.tools.ledger import Entry, Ledger, Record, verify_export

ROW = tables.records.c


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """Give an empty ledger on each kind of database."""
    opened = Ledger(database_url)
    yield opened
    opened.close()


@pytest.fixture
def memory() -> Iterator[Ledger]:
    """Give an empty ledger in memory."""
    opened = Ledger("sqlite://")
    yield opened
    opened.close()


def append(ledger: Ledger, thread: str, *entries: Entry) -> None:
    """Append in a transaction of its own."""
    with ledger.transaction() as connection:
        ledger.append(connection, thread, *entries)


def fill(ledger: Ledger, records: int = 5) -> None:
    """Write two threads of as many records each."""
    for thread in ("a", "b"):
        for number in range(records):
            append(ledger, thread, Entry("decision", {"number": number}))


def tampered(ledger: Ledger, thread: str, seq: int, **columns: object) -> None:
    """Change columns of one row behind the ledger's back."""
    with ledger.transaction() as connection:
        row = update(tables.records).where(ROW.thread == thread, ROW.seq == seq)
        connection.execute(row.values(**columns))


def test_an_empty_ledger_is_sound(ledger: Ledger) -> None:
    """Nothing recorded, nothing broken."""
    assert list(ledger.records()) == []
    assert ledger.threads() == []
    found = ledger.verify()
    assert (found.records, found.threads, found.broken, found.is_sound) == (0, 0, None, True)


def test_appending_nothing_writes_nothing(ledger: Ledger) -> None:
    """No entries, no record."""
    append(ledger, "a")
    assert ledger.verify().records == 0


def test_records_come_back_as_they_were_written(ledger: Ledger) -> None:
    """Thread by thread, in order, with canonical bodies, chained from the first on."""
    first, second = {"b": 1, "a": "ü"}, {"nothing": None}
    append(ledger, "a", Entry("decision", first), Entry("call.started", second))
    append(ledger, "b", Entry("handoff", {}))

    one, two, other = ledger.records()

    assert (one.thread, one.seq, one.kind, one.previous) == ("a", 1, "decision", GENESIS)
    assert (one.text, one.body) == ('{"a":"ü","b":1}', first)
    assert (two.seq, two.kind, two.body, two.previous) == (2, "call.started", second, one.hash)
    assert (other.thread, other.seq, other.previous) == ("b", 1, GENESIS)
    assert ledger.threads() == ["a", "b"]


def test_the_hash_is_the_documented_one(ledger: Ledger) -> None:
    """Anybody can check it with SHA-256 and an RFC 8785 library."""
    append(ledger, "a", Entry("decision", {"amount": "40"}))
    (record,) = ledger.records()
    whole: dict[str, Json] = {
        "at": record.at,
        "body": record.body,
        "kind": record.kind,
        "seq": 1,
        "thread": "a",
    }
    entry = b"\x00" + bytes(32) + canonical(whole)

    assert record.hash == hashlib.sha256(entry).hexdigest()


def test_times_are_rfc_3339_with_microseconds(ledger: Ledger) -> None:
    """They are the database's, in UTC."""
    append(ledger, "a", Entry("decision", {}))
    (record,) = ledger.records()
    assert len(record.at) == len("2026-01-01T00:00:00.000000Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(record.at)).total_seconds()) < 60


def test_records_are_found_by_thread_and_kind(ledger: Ledger) -> None:
    """Both narrow, and both together."""
    for thread in ("a", "b"):
        append(ledger, thread, Entry("decision", {}), Entry("handoff", {}))
    assert [(r.thread, r.kind) for r in ledger.records("b")] == [
        ("b", "decision"),
        ("b", "handoff"),
    ]
    assert [(r.thread, r.kind) for r in ledger.records(kind="handoff")] == [
        ("a", "handoff"),
        ("b", "handoff"),
    ]
    assert [r.seq for r in ledger.records("a", "handoff")] == [2]
    assert list(ledger.records("nowhere")) == []


def test_long_chains_are_read_page_by_page(ledger: Ledger) -> None:
    """No record is lost or repeated at a page's end, also while more are written."""
    entries = [Entry("decision", {"number": number}) for number in range(1203)]
    append(ledger, "a", *entries)
    append(ledger, "b", *entries[:3])
    found = ledger.records()
    assert next(found).seq == 1
    append(ledger, "a", Entry("handoff", {}))
    assert [(r.thread, r.seq) for r in found] == [
        *(("a", seq) for seq in range(2, 1205)),
        *(("b", seq) for seq in range(1, 4)),
    ]
    assert ledger.verify().records == 1207


def test_what_is_rolled_back_was_never_written(ledger: Ledger) -> None:
    """An error in the transaction leaves the chain as it was."""
    append(ledger, "a", Entry("decision", {}))

    def fail(connection: Connection) -> None:
        ledger.append(connection, "a", Entry("call.started", {}))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ledger.transaction() as connection:
        fail(connection)
    append(ledger, "a", Entry("handoff", {}))
    assert [r.kind for r in ledger.records()] == ["decision", "handoff"]
    assert ledger.verify().is_sound


def test_several_appends_of_one_transaction_are_one_chain(ledger: Ledger) -> None:
    """Also where they concern two threads."""
    with ledger.transaction() as connection:
        for thread in ("a", "b", "a"):
            ledger.append(connection, thread, Entry("decision", {}))
    assert [(r.thread, r.seq) for r in ledger.records()] == [("a", 1), ("a", 2), ("b", 1)]
    assert ledger.verify().is_sound


def test_a_body_without_plain_form_is_refused(memory: Ledger) -> None:
    """The ledger holds JSON, and says which record did not."""
    with pytest.raises(LedgerError, match="'decision' cannot be recorded"):
        append(memory, "a", Entry("decision", {"key": object()}))
    assert memory.verify().records == 0


def test_a_thread_that_is_no_text_is_refused(ledger: Ledger) -> None:
    """Both databases keep Unicode, and PostgreSQL no zero."""
    with pytest.raises(LedgerError, match="half a character"):
        append(ledger, "\ud800", Entry("decision", {}))
    with pytest.raises(LedgerError, match="cannot be recorded"):
        append(ledger, "a", Entry("decision", {"text": "\ud800"}))
    assert ledger.verify().records == 0


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"body": '{"number":7}'}, id="body"),
        pytest.param({"body": '{"number": 2}'}, id="body-spacing"),
        pytest.param({"body": "no JSON at all"}, id="body-no-json"),
        pytest.param({"at": "2020-01-01T00:00:00.000000Z"}, id="at"),
        pytest.param({"kind": "handoff"}, id="kind"),
        pytest.param({"hash": "f" * 64}, id="hash"),
        pytest.param({"hash": "no hash"}, id="hash-no-hex"),
        pytest.param({"previous": "f" * 64}, id="previous"),
        pytest.param({"previous": ""}, id="previous-empty"),
    ],
)
def test_a_changed_record_is_named(ledger: Ledger, columns: dict[str, object]) -> None:
    """Whichever column was touched, and in a thread that is not the first."""
    fill(ledger)
    tampered(ledger, "b", 3, **columns)

    found = ledger.verify()

    assert found.broken is not None
    assert (found.broken.thread, found.broken.seq, found.broken.what) == ("b", 3, "changed")
    assert found.broken.sentence == "record 3 of thread 'b' was changed after it was written"
    assert (found.records, found.threads, found.is_sound) == (7, 2, False)
    assert ledger.verify("b").broken == found.broken
    assert ledger.verify("a").is_sound


def delete_a_middle_row(connection: Connection) -> None:
    """Take record 3 out."""
    connection.execute(text("DELETE FROM records WHERE thread = 'a' AND seq = 3"))


def delete_the_first_row(connection: Connection) -> None:
    """Take record 1 out."""
    connection.execute(text("DELETE FROM records WHERE thread = 'a' AND seq = 1"))


def delete_and_close_up(connection: Connection) -> None:
    """Take record 3 out and renumber what follows."""
    delete_a_middle_row(connection)
    connection.execute(text("UPDATE records SET seq = 3 WHERE thread = 'a' AND seq = 4"))
    connection.execute(text("UPDATE records SET seq = 4 WHERE thread = 'a' AND seq = 5"))


def swap_two_rows(connection: Connection) -> None:
    """Exchange the places of records 2 and 4."""
    for old, new in ((2, 20), (4, 2), (20, 4)):
        move = text("UPDATE records SET seq = :new WHERE thread = 'a' AND seq = :old")
        connection.execute(move, {"old": old, "new": new})


def renumber(connection: Connection) -> None:
    """Move everything from record 3 on by one."""
    for seq in (5, 4, 3):
        move = text("UPDATE records SET seq = :new WHERE thread = 'a' AND seq = :old")
        connection.execute(move, {"old": seq, "new": seq + 1})


def number_from_zero(connection: Connection) -> None:
    """Move the first record before the beginning."""
    connection.execute(text("UPDATE records SET seq = 0 WHERE thread = 'a' AND seq = 1"))


def insert_a_forged_row(connection: Connection) -> None:
    """Make room for a row of our own and give it a hash that means nothing."""
    renumber(connection)
    connection.execute(
        text(
            "INSERT INTO records (thread, seq, at, kind, body, previous, hash) "
            "SELECT thread, 3, at, kind, '{}', hash, :hash FROM records "
            "WHERE thread = 'a' AND seq = 2"
        ),
        {"hash": "e" * 64},
    )


def insert_a_well_forged_row(connection: Connection) -> None:
    """Do the same with a hash that fits the record before."""
    insert_a_forged_row(connection)
    forged = connection.execute(text("SELECT * FROM records WHERE thread = 'a' AND seq = 3")).one()
    fits = link(
        forged.previous, thread="a", seq=3, at=forged.at, kind=forged.kind, text=forged.body
    )
    change = text("UPDATE records SET hash = :hash WHERE thread = 'a' AND seq = 3")
    connection.execute(change, {"hash": fits})


def take_a_row_of_another_thread(connection: Connection) -> None:
    """Put record 3 of thread b into the place of a's."""
    delete_a_middle_row(connection)
    connection.execute(text("UPDATE records SET thread = 'a' WHERE thread = 'b' AND seq = 3"))


@pytest.mark.parametrize(
    ("tamper", "seq", "what"),
    [
        (delete_a_middle_row, 3, "gap"),
        (delete_the_first_row, 1, "gap"),
        (delete_and_close_up, 3, "moved"),
        (swap_two_rows, 2, "moved"),
        (renumber, 3, "gap"),
        (number_from_zero, 1, "moved"),
        (insert_a_forged_row, 3, "changed"),
        # The forged row fits; what follows it does not any more.
        (insert_a_well_forged_row, 4, "moved"),
        (take_a_row_of_another_thread, 3, "moved"),
    ],
)
def test_rows_that_are_missing_moved_or_added_are_named(
    ledger: Ledger, tamper: Callable[[Connection], None], seq: int, what: str
) -> None:
    """The first place that does not hold, and in which way."""
    fill(ledger)
    with ledger.transaction() as connection:
        tamper(connection)

    broken = ledger.verify().broken

    assert broken is not None
    assert (broken.thread, broken.seq, broken.what) == ("a", seq, what)
    assert f"record {seq} of thread 'a'" in broken.sentence


def test_bytes_that_are_no_text_are_a_change(tmp_path: Path) -> None:
    """A byte flipped in the database file may leave no valid UTF-8 behind."""
    path = tmp_path / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    fill(ledger)
    raw = sqlite3.connect(path)
    raw.execute("UPDATE records SET body = CAST(x'7bff7d' AS TEXT) WHERE thread='a' AND seq = 2")
    raw.execute("UPDATE records SET seq = 'two' WHERE thread = 'b' AND seq = 2")
    raw.commit()
    raw.close()

    broken = ledger.verify("a").broken
    assert broken is not None
    assert (broken.seq, broken.what) == (2, "changed")
    broken = ledger.verify("b").broken
    assert broken is not None
    assert (broken.seq, broken.what) == (2, "gap")
    ledger.close()


def test_an_export_verifies_without_the_database(ledger: Ledger) -> None:
    """Its lines are canonical JSON and carry all that is needed."""
    fill(ledger)
    lines = list(ledger.export())
    assert [canonical(json.loads(line)).decode() for line in lines] == lines
    assert verify_export(f"{line}\n" for line in lines) == ledger.verify()
    assert list(ledger.export("b")) == lines[5:]


def test_a_touched_export_is_found_out() -> None:
    """Line by line, as in the database."""
    ledger = Ledger("sqlite://")
    fill(ledger)
    lines = list(ledger.export())
    ledger.close()

    for index, what, seq in ((2, "gap", 3), (0, "gap", 1)):
        found = verify_export(lines[:index] + lines[index + 1 :])
        assert found.broken is not None
        assert (found.broken.what, found.broken.seq) == (what, seq)
    found = verify_export([*lines[:2], lines[2].replace('"number":2', '"number":3'), *lines[3:]])
    assert found.broken is not None
    assert (found.broken.what, found.broken.seq) == ("changed", 3)
    assert not verify_export([*lines[:3], lines[3], lines[3], *lines[4:]]).is_sound
    assert not verify_export([*lines[:3], lines[4], lines[3]]).is_sound


@pytest.mark.parametrize("line", ["", "{}", "[]", "no JSON", '{"seq": 1}'])
def test_a_line_that_is_no_record_is_refused(line: str) -> None:
    """With a sentence, not with whatever JSON raises."""
    with pytest.raises(LedgerError, match="not a record in canonical form"):
        verify_export([line])


def test_a_line_in_another_spelling_is_refused() -> None:
    """Two spellings of one record would be two files of one ledger."""
    ledger = Ledger("sqlite://")
    fill(ledger, 1)
    line = next(ledger.export())
    ledger.close()
    with pytest.raises(LedgerError, match="export it again"):
        verify_export([line.replace('"seq":1', '"seq": 1')])


def test_many_threads_write_one_sound_chain(ledger: Ledger) -> None:
    """No append is lost, none forks the chain."""

    def work(worker: int) -> None:
        for number in range(10):
            append(ledger, "a", Entry("decision", {"worker": worker, "number": number}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    records = list(ledger.records("a"))
    assert len({(r.body["worker"], r.body["number"]) for r in records}) == 80
    assert ledger.verify().records == 80
    assert ledger.verify().is_sound


# Forked after the imports, which cost more than all the rest.
WRITERS = """
import sys
from multiprocessing import get_context
from bailiwick.tools.ledger import Entry, Ledger

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


def test_readers_do_not_wait_for_a_writer(ledger: Ledger) -> None:
    """What is not committed is not there yet."""
    append(ledger, "a", Entry("decision", {}))
    with ledger.transaction() as connection:
        ledger.append(connection, "a", Entry("handoff", {}))
        assert [r.kind for r in ledger.records()] == ["decision"]
    assert [r.kind for r in ledger.records()] == ["decision", "handoff"]


def test_a_locked_database_is_told_in_a_sentence(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for five seconds learns what to do."""
    monkeypatch.setattr("bailiwick.tools.database.WAIT", 0.05)
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
    monkeypatch.setattr("bailiwick.tools.database.WAIT", 0.1)
    one, two = Ledger(postgres_url), Ledger(postgres_url)
    with one.transaction() as connection:
        one.append(connection, "a", Entry("decision", {}))
        append(two, "b", Entry("decision", {}))
        with pytest.raises(LedgerError, match="is locked by somebody else"):
            append(two, "a", Entry("decision", {}))
    assert [(r.thread, r.seq) for r in two.records()] == [("a", 1), ("b", 1)]
    one.close()
    two.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "the ledger's URL cannot be read"),
        ("mysql://u:secret@h/d", "does not know 'mysql' databases"),
        ("sqlite:////nowhere/at/all/ledger.db", "cannot be opened: check that its folder exists"),
        ("postgresql://u:secret@127.0.0.1:1/d", "'d' at '127.0.0.1' cannot be reached"),
        ("postgres://u:secret@/d?host=/nowhere", "'d' at '/nowhere' cannot be reached"),
        ("postgresql://u@127.0.0.1:1/d?password=secret", "cannot be reached"),
        ("postgresql://u:secret@127.0.0.1:x/d", "the ledger's URL cannot be read"),
    ],
)
def test_what_cannot_be_opened_is_told_without_the_password(url: str, sentence: str) -> None:
    """One sentence with the remedy."""
    with pytest.raises(LedgerError) as caught:
        Ledger(url)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


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


def test_a_database_that_went_away_is_told_and_found_again(postgres_url: str) -> None:
    """Its server ends our connections; the next transaction makes new ones."""
    ledger = Ledger(postgres_url)
    append(ledger, "a", Entry("decision", {}))
    end = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    other = Ledger(postgres_url)
    with other.reading() as connection:
        connection.execute(end)
    with pytest.raises(LedgerError, match="cannot be reached"):
        append(ledger, "a", Entry("decision", {}))
    append(ledger, "a", Entry("decision", {}))
    assert ledger.verify().records == 2
    ledger.close()
    other.close()


def test_an_idle_connection_is_tried_before_it_is_used(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that waited for a person for hours does not fail on a connection cut meanwhile."""
    monkeypatch.setattr("bailiwick.tools.database._IDLE", 0.0)
    ledger, other = Ledger(postgres_url), Ledger(postgres_url)
    append(ledger, "a", Entry("decision", {}))
    with other.reading() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    append(ledger, "a", Entry("decision", {}))
    assert ledger.verify().records == 2
    ledger.close()
    other.close()


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
    monkeypatch.setattr("bailiwick.tools.database.WAIT", 0.05)
    ledger = Ledger(url)
    with (
        pytest.raises(LedgerError, match="is locked by somebody else"),
        ledger.transaction(),
        ledger.transaction(),
    ):
        pass
    append(ledger, "a", Entry("decision", {}))
    ledger.close()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from("abcdef"), JSON, max_size=4)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bodies=st.lists(BODIES, min_size=1, max_size=4))
def test_any_body_is_kept_canonical_and_verifies(ledger: Ledger, bodies: list[object]) -> None:
    """Whatever JSON is recorded comes back in canonical form and holds, in and out of the file."""
    thread = f"t{time.monotonic_ns()}"
    append(ledger, thread, *(Entry("decision", {"body": body}) for body in bodies))
    records = list(ledger.records(thread))
    assert [canonical(r.body).decode() for r in records] == [r.text for r in records]
    assert ledger.verify(thread).records == len(bodies)
    assert verify_export(ledger.export(thread)).is_sound


@given(st.text(), st.integers(1, 2**53 - 1), st.dictionaries(st.text(), st.text(), max_size=3))
def test_the_hash_is_taken_over_canonical_json(word: str, seq: int, body: dict[str, Json]) -> None:
    """Whatever stands in the fields, it is what an RFC 8785 library writes of the whole."""
    whole: dict[str, Json] = {"at": word, "kind": word, "thread": word, "seq": seq, "body": body}
    text = canonical(body).decode()
    record = Record(thread=word, seq=seq, at=word, kind=word, text=text, previous=word, hash=word)
    hashed = link(GENESIS, thread=word, seq=seq, at=word, kind=word, text=text)
    assert hashed == hashlib.sha256(b"\x00" + bytes(32) + canonical(whole)).hexdigest()
    assert record.to_line() == canonical({**whole, "previous": word, "hash": word}).decode()


@settings(max_examples=60, deadline=None)
@given(
    bodies=st.lists(BODIES, min_size=1, max_size=4),
    where=st.integers(min_value=0),
    field=st.sampled_from(["thread", "at", "kind", "text", "previous", "hash"]),
    at=st.integers(min_value=0),
)
def test_any_changed_byte_is_found(bodies: list[object], where: int, field: str, at: int) -> None:
    """One byte of any field of any record breaks the chain at that record."""
    records = _chain(bodies)
    index = where % len(records)
    old: str = getattr(records[index], field)
    changed = bytearray(old.encode())
    changed[at % len(changed)] ^= 1
    new = changed.decode("utf-8", "surrogateescape")
    changes: dict[str, Any] = {field: new}
    records[index] = replace(records[index], **changes)

    broken = chain.verify(records).broken

    assert broken is not None
    if field != "thread":
        assert (broken.thread, broken.seq) == ("thread", index + 1)


def _chain(bodies: list[object]) -> list[Record]:
    ledger = Ledger("sqlite://")
    append(ledger, "thread", *(Entry("decision", {"body": body}) for body in bodies))
    records = list(ledger.records())
    ledger.close()
    return records
