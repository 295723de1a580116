"""A chain tells who touched it: which record, and in which way."""

import hashlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text, update
from tests.tools.records.entries import append, fill

from bailiwick.policies.canonical import Json, canonical
from bailiwick.tools.records import chain, tables
from bailiwick.tools.records.chain import GENESIS, Record, link
from bailiwick.tools.records.ledger import Entry, Ledger, verify_export

ROW = tables.records.c


def tampered(ledger: Ledger, thread: str, seq: int, **columns: object) -> None:
    """Change columns of one row behind the ledger's back."""
    with ledger.transaction() as connection:
        row = update(tables.records).where(ROW.thread == thread, ROW.seq == seq)
        connection.execute(row.values(**columns))


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
