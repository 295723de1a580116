"""The ledger keeps one sound chain for each thread, whoever writes at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, delete
from tests.tools.records.entries import append

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records import tables
from bailiwick.tools.records.chain import GENESIS
from bailiwick.tools.records.ledger import Entry, Ledger


def test_an_empty_ledger_is_sound(ledger: Ledger) -> None:
    """Nothing recorded, nothing broken."""
    assert list(ledger.records()) == []
    assert not ledger.has("a")
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
    assert [ledger.has(thread) for thread in ("a", "b", "A", "")] == [True, True, False, False]


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


def test_entries_that_go_together_are_recorded_together(memory: Ledger) -> None:
    """Whoever goes on after a refused entry does not record half of what was said."""
    with memory.transaction() as connection:
        with pytest.raises(LedgerError, match="cannot be recorded"):
            memory.append(connection, "a", Entry("request", {}), Entry("handoff", {"x": object()}))
        memory.append(connection, "a", Entry("decision", {}))

    assert [record.kind for record in memory.records()] == ["decision"]


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


def test_processes_that_take_turns_write_one_sound_chain(ledger: Ledger, database_url: str) -> None:
    """Where one remembers the end of a chain, another may have gone on from there."""
    with closing(Ledger(database_url)) as other:
        for each in (ledger, other, other, ledger):
            append(each, "a", Entry("decision", {}), Entry("call.started", {}))

    assert [record.seq for record in ledger.records("a")] == list(range(1, 9))
    assert ledger.verify().is_sound


def test_what_is_undone_is_not_remembered(ledger: Ledger) -> None:
    """The next record follows the last one that was kept."""

    def fail() -> None:
        with ledger.transaction() as connection:
            for thread in ("b", "a", "\ud800"):
                ledger.append(connection, thread, Entry("handoff", {}))

    append(ledger, "a", Entry("decision", {}))
    with pytest.raises(LedgerError):
        fail()
    append(ledger, "a", Entry("call.started", {}))

    assert [(r.thread, r.kind) for r in ledger.records()] == [
        ("a", "decision"),
        ("a", "call.started"),
    ]
    assert ledger.verify().is_sound


def test_a_chain_that_lost_its_end_goes_on_from_what_is_left(ledger: Ledger) -> None:
    """What this process remembers is no record; that one is missing, the seal finds."""
    append(ledger, "a", Entry("decision", {}), Entry("call.started", {}))
    with ledger.transaction() as connection:
        connection.execute(delete(tables.records).where(tables.records.c.seq == 2))
    append(ledger, "a", Entry("call.ended", {}))

    assert [(r.seq, r.kind) for r in ledger.records("a")] == [(1, "decision"), (2, "call.ended")]
    assert ledger.verify().is_sound


def test_the_ends_of_chains_are_not_remembered_for_ever(
    memory: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that carries many threads forgets them, and reads their ends again."""
    monkeypatch.setattr("bailiwick.tools.records.chain_ends.REMEMBERED", 2)
    for thread in "abcabc":
        append(memory, thread, Entry("decision", {}))
    assert [(r.thread, r.seq) for r in memory.records()] == [
        (thread, seq) for thread in "abc" for seq in (1, 2)
    ]
    assert memory.verify().is_sound


def test_readers_do_not_wait_for_a_writer(ledger: Ledger) -> None:
    """What is not committed is not there yet."""
    append(ledger, "a", Entry("decision", {}))
    with ledger.transaction() as connection:
        ledger.append(connection, "a", Entry("handoff", {}))
        assert [r.kind for r in ledger.records()] == ["decision"]
    assert [r.kind for r in ledger.records()] == ["decision", "handoff"]
