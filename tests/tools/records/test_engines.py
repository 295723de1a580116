"""A ledger's URL names a file or a server, and is told without a password."""

from contextlib import closing
from typing import cast
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records.engines import address_of, name_of
from bailiwick.tools.records.ledger import Ledger


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "the ledger's URL cannot be read"),
        ("mysql://u:secret@h/d", "does not know 'mysql' databases"),
        ("sqlite:////nowhere/at/all/ledger.db", "cannot be opened: check that its folder exists"),
        ("postgresql://u:secret@127.0.0.1:1/d", "'d' at '127.0.0.1', port 1 cannot be reached"),
        ("postgres://u:secret@/d?host=/nowhere", "'d' at '/nowhere' cannot be reached"),
        ("postgresql://u@127.0.0.1:1/d?password=secret", "cannot be reached"),
        ("postgresql://u:secret@127.0.0.1:x/d", "the ledger's URL cannot be read"),
        (
            "postgresql://u@127.0.0.1:1/d?secret=1",
            "'d' at '127.0.0.1', port 1 cannot be found at such",
        ),
        ("postgresql://u@127.0.0.1:1/d?port=secret", "check what follows the '?' in it"),
        ("sqlite:///ledger.db?timeout=secret", "check what follows the '?' in it"),
        ("sqlite:///ledger.db?mode=ro", "'ledger.db' would be opened without what follows the '?'"),
        ("sqlite://secret.db", "names a host, where SQLite has files: use sqlite:///PATH"),
        ("sqlite://u:secret@/ledger.db", "use sqlite:///PATH"),
        ("sqlite://:5432/secret.db", "use sqlite:///PATH"),
    ],
)
def test_what_cannot_be_opened_is_told_without_the_password(url: str, sentence: str) -> None:
    """One sentence with the remedy."""
    with pytest.raises(LedgerError) as caught:
        Ledger(url)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("search_path=nowhere", "has no schema to keep tables in: create the one that search_path"),
        ("default_transaction_read_only=on", "is read-only: allow writing to it"),
        ("no_such_option=on", "cannot be reached: check that PostgreSQL runs there and has a conn"),
    ],
)
def test_what_a_server_is_set_to_is_told(postgres_url: str, option: str, sentence: str) -> None:
    """Nobody looks for a server that is away where it is there."""
    url = f"{postgres_url}&options=-c%20{option}"
    with pytest.raises(LedgerError) as caught:
        Ledger(url)
    assert sentence in str(caught.value)


def test_a_statement_that_took_too_long_is_told(postgres_url: str) -> None:
    """The server is there, and may be as busy with the next one."""
    url = f"{postgres_url}&options=-c%20statement_timeout%3D500"
    with (
        pytest.raises(LedgerError, match="broke off what was asked of it: see what limits its"),
        closing(Ledger(url)) as ledger,
        ledger.reading() as connection,
    ):
        connection.execute(text("SELECT pg_sleep(30)"))


def test_waits_end_behind_a_pool_of_sessions_too(postgres_url: str) -> None:
    """PgBouncer refuses a connection that is made with an option of PostgreSQL's."""
    query = "SELECT setting, source FROM pg_settings WHERE name = 'lock_timeout'"
    with closing(Ledger(postgres_url)) as ledger, ledger.reading() as connection:
        assert connection.execute(text(query)).all() == [("5000", "session")]


@pytest.mark.parametrize(
    "statement",
    ["EXECUTE one", "PREPARE one AS SELECT 1; PREPARE one AS SELECT 1"],
    ids=["another connection's", "left by another"],
)
def test_a_pool_of_transactions_is_told_as_such(postgres_url: str, statement: str) -> None:
    """What was prepared on one connection is not there on the next, or there already."""
    with (
        pytest.raises(LedgerError, match="have it keep whole sessions together"),
        closing(Ledger(postgres_url)) as ledger,
        ledger.reading() as connection,
    ):
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "user_and_password",
    [
        "app:s3cr@t-w0rd",
        "app:@secret",
        "app:p@ss/secret",
        "app:p@/secret",
        "app:p@ss?secret",
        "app:p@ss?secret=secret",
        "app:p@ss#secret",
        "app:p@[secret]",
        "app@corp:secret",
        "a/b:secret",
    ],
)
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_url_that_can_be_read_in_two_ways_is_refused(scheme: str, user_and_password: str) -> None:
    """A part of the password would be the host's name, or the database's, and be told."""
    with pytest.raises(LedgerError) as caught:
        address_of(f"{scheme}://{user_and_password}@db.example:5432/bailiwick")
    assert str(caught.value) == (
        "the ledger's URL can be read in more than one way: write @ in the user or the password "
        "as %40, and / as %2F"
    )


@given(password=st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_password_can_be_written(password: str) -> None:
    """Escaped, it is read as it was, and told nowhere."""
    address = address_of(f"postgresql://app:{quote(password, safe='')}@h/d")
    assert address.password == password
    assert name_of(address) == "'d' at 'h'"


@given(password=st.text("ab@:/?#[]%&=", max_size=8))
def test_no_part_of_an_unescaped_password_is_told(password: str) -> None:
    """It is read whole, or refused."""
    try:
        told = name_of(address_of(f"postgresql://app:{password}@h/d"))
    except LedgerError as error:
        told = str(error)
        assert "URL can" in told
    else:
        assert told == "'d' at 'h'"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite://", "':memory:'"),
        ("sqlite:///a@b@c.db", "'a@b@c.db'"),
        ("postgresql:///d", "'d' at 'the default host'"),
        ("postgresql://h/d?user=app@corp", "'d' at 'h'"),
        ("postgresql://u:p@[::1]:5432/d", "'d' at '::1', port 5432"),
    ],
)
def test_what_can_be_read_in_one_way_only_is_read(url: str, name: str) -> None:
    """An @ elsewhere does no harm."""
    assert name_of(address_of(url)) == name


def test_a_network_that_is_gone_is_noticed_soon(postgres_url: str) -> None:
    """After seconds, not after hours; what the URL says counts more."""
    with (
        closing(Ledger(f"{postgres_url}&keepalives_idle=40")) as ledger,
        ledger.reading() as connection,
    ):
        driver = cast("psycopg.Connection", connection.connection.driver_connection)
        told = driver.info.get_parameters()

    assert (told["tcp_user_timeout"], told["keepalives_idle"]) == ("30000", "40")
