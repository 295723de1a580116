"""An export of the ledger: verified without the database, and found out where it was touched."""

import json

import pytest
from tests.tools.records.entries import append, fill

from bailiwick.policies.canonical import canonical
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records.ledger import Entry, Ledger, verify_export


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


def test_a_second_chain_of_a_thread_is_found_out() -> None:
    """Each of them holds by itself, and only one was recorded."""
    ledger, other = Ledger("sqlite://"), Ledger("sqlite://")
    append(ledger, "a", Entry("decision", {"verdict": "deny"}))
    append(ledger, "b", Entry("decision", {}))
    append(other, "a", Entry("decision", {"verdict": "allow"}))
    lines, forged = list(ledger.export()), list(other.export())
    ledger.close()
    other.close()

    assert verify_export(lines).threads == len(lines)
    found = verify_export([*lines, *forged])
    assert found.broken is not None
    assert (found.broken.thread, found.broken.what) == ("a", "moved")


NESTED = f'{{"body":{"[" * 100_000}'


@pytest.mark.parametrize("line", ["", "{}", "[]", "no JSON", '{"seq": 1}', NESTED])
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
