"""A statement is run by the driver itself, and its errors are the ledger's own."""

import gc
import logging
from contextlib import ExitStack

import pytest
from sqlalchemy import bindparam, func, select, text, update
from tests.tools.records.entries import append, fill
from tests.waiting import wait_for

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.records.statements import Statement, insert_once

OF_KIND = Statement(
    select(tables.records.c.thread, tables.records.c.seq.label("place"))
    .where(tables.records.c.thread == bindparam("of"), tables.records.c.kind == "decision")
    .order_by(tables.records.c.seq)
)
_AMONG = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
OTHERS, END_OTHERS = (
    f"SELECT count(*) {_AMONG}",
    f"SELECT pg_terminate_backend(pid, 10000) {_AMONG}",
)


def test_rows_are_found_by_the_names_of_their_columns(ledger: Ledger) -> None:
    """What the statement fixes need not be given."""
    append(ledger, "a", Entry("decision", {}), Entry("handoff", {}), Entry("decision", {}))
    with ledger.reading() as connection:
        found = OF_KIND.all(connection, {"of": "a"})
        assert found == [{"thread": "a", "place": 1}, {"thread": "a", "place": 3}]
        assert OF_KIND.one(connection, {"of": "a"}) == found[0]
        assert OF_KIND.one(connection, {"of": "b"}) is None


def test_rows_that_it_changes_are_counted(ledger: Ledger) -> None:
    """Also those that were there already: none."""
    give = Statement(update(tables.requests).values(requester=bindparam("to")))
    with ledger.transaction() as connection:
        assert insert_once(connection, tables.requests, {"key": "1", "requester": "a"})
        assert not insert_once(connection, tables.requests, {"key": "1", "requester": "b"})
        assert insert_once(connection, tables.requests, {"key": "2", "requester": "100%"})
        assert give.change(connection, {"to": ":c"}) == 2


def test_a_value_that_is_not_given_is_missed(ledger: Ledger) -> None:
    """Nothing stands for it: `NULL` would be another question."""
    with pytest.raises(LedgerError, match="report it"), ledger.reading() as connection:
        OF_KIND.all(connection, {})


def read_while_cut(ledger: Ledger, other: Ledger) -> None:
    """Read on a connection that another one ends just before."""
    with ledger.reading() as connection:
        pid = connection.execute(select(func.pg_backend_pid())).scalar_one()
        with other.reading() as ending:
            ending.execute(select(func.pg_terminate_backend(pid)))
        OF_KIND.all(connection, {"of": "a"})


def test_what_goes_on_while_one_connection_is_cut_keeps_none_open(postgres_url: str) -> None:
    """The pool knows every connection it has made, and closes them all."""
    ledger, other = Ledger(postgres_url), Ledger(postgres_url)
    fill(ledger)
    gc.collect()
    gc.disable()
    try:
        with ExitStack() as held:
            several = [held.enter_context(ledger.reading()) for _ in range(8)]
            with pytest.raises(LedgerError, match="cannot be reached"):
                read_while_cut(ledger, other)
            for each in several:
                assert OF_KIND.all(each, {"of": "a"})
        ledger.close()
        with other.reading() as connection:
            wait_for(lambda: connection.execute(text(OTHERS)).scalar_one() == 0)
    finally:
        gc.enable()
    other.close()


def test_connections_that_were_cut_are_not_used_again(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that was started again takes nothing with it that comes after, without a word."""
    ledger, other = Ledger(postgres_url), Ledger(postgres_url)
    fill(ledger)
    with ledger.reading() as first, ledger.reading() as second:
        assert OF_KIND.all(first, {"of": "a"}) == OF_KIND.all(second, {"of": "a"})
    with other.reading() as connection:
        connection.execute(text(END_OTHERS))
    with caplog.at_level(logging.INFO), ledger.reading() as first, ledger.reading() as second:
        assert OF_KIND.all(first, {"of": "a"}) == OF_KIND.all(second, {"of": "a"})
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    ledger.close()
    other.close()
