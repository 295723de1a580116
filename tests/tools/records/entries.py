"""Owns the entries that the tests of records write."""

from bailiwick.tools.records.ledger import Entry, Ledger


def append(ledger: Ledger, thread: str, *entries: Entry) -> None:
    """Append in a transaction of its own."""
    with ledger.transaction() as connection:
        ledger.append(connection, thread, *entries)


def fill(ledger: Ledger, records: int = 5) -> None:
    """Write two threads of as many records each."""
    for thread in ("a", "b"):
        for number in range(records):
            append(ledger, thread, Entry("decision", {"number": number}))
