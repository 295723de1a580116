"""The beginning of an id finds what has it, by the column's index; a pattern finds nothing."""

import pytest
from sqlalchemy import Connection, select, text

from bailiwick.tools.records import tables
from bailiwick.tools.records.ids import begins_with
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import insert_once

IDS = ["00ff", "ab", "ab0f", "abff", "ac", "ff"]
KEY = tables.refusals.c.key


def write(connection: Connection) -> None:
    """Write rows with these ids."""
    for each in IDS:
        insert_once(connection, tables.refusals, {"key": each})


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        ("", IDS),
        ("a", ["ab", "ab0f", "abff", "ac"]),
        ("ab", ["ab", "ab0f", "abff"]),
        ("abf", ["abff"]),
        ("abff", ["abff"]),
        ("f", ["ff"]),
    ],
)
def test_digits_find_what_begins_with_them(
    ledger: Ledger, beginning: str, found: list[str]
) -> None:
    """Few of them, all of them, and the highest."""
    with ledger.transaction() as connection:
        write(connection)
        query = select(KEY).where(begins_with(KEY, beginning)).order_by(KEY)
        assert connection.scalars(query).all() == found


def test_what_is_no_beginning_finds_nothing(ledger: Ledger) -> None:
    """Patterns, upper case, what sorts between digits or behind them, and more than there is."""
    others = ["%", "a%", "_", "a_", "__", "AB", "aB", "b", "g", "ag", "ü", "aü", "a\U0010ffff"]
    with ledger.transaction() as connection:
        write(connection)
        for other in (*others, "'", "a\\", "*", "[a]", "a ", "abff0", " ab"):
            assert connection.scalars(select(KEY).where(begins_with(KEY, other))).all() == []


def test_a_beginning_is_looked_up_by_the_index(memory: Ledger) -> None:
    """The rows that have it are read, and no others."""
    query = select(KEY).where(begins_with(KEY, "ab"))
    with memory.reading() as connection:
        said = query.compile(connection.engine, compile_kwargs={"literal_binds": True})
        (plan,) = connection.execute(text(f"EXPLAIN QUERY PLAN {said}")).mappings()
    assert "(key>? AND key<?)" in plan["detail"]
