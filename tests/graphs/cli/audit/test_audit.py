"""`bailiwick audit`: the ledger read, checked and carried away."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, inspect, text
from tests.graphs.cli.outcomes import Command

from bailiwick.tools.records.ledger import Entry, Ledger


def tamper(home: Path, statement: str) -> None:
    """Change the database behind the ledger's back."""
    with closing(sqlite3.connect(home / "bailiwick.db")) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("command", ["show", "verify", "export"])
def test_a_ledger_that_is_not_there_is_not_made(
    bailiwick: Command, home: Path, command: str
) -> None:
    """A misspelt path would else be found in order."""
    outcome = bailiwick("audit", command)
    assert outcome.status == 1
    assert "there is no ledger at 'sqlite:///bailiwick.db'" in outcome.err
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("command", ["audit show", "approvals ls", "calls ls", "calls undo first"])
def test_a_database_without_a_ledger_gets_none(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, database_url: str, command: str
) -> None:
    """Another application's would get tables, and nothing would be found to wait there."""
    url = database_url.replace("postgresql:", "postgresql+psycopg:")
    with closing(create_engine(url, poolclass=NullPool).connect()) as other:
        other.execute(text("CREATE TABLE users (name TEXT)"))
        other.commit()
        monkeypatch.setenv("BAILIWICK_DATABASE_URL", database_url)
        outcome = bailiwick(*command.split())
        assert outcome.status == 1
        assert "there is no ledger in the database" in outcome.err
        assert inspect(other).get_table_names() == ["users"]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("name", ["file:bailiwick.db?mode=ro&uri=true", "bailiwick.db?timeout=9"])
def test_a_ledger_is_found_by_any_url_that_opens_it(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An auditor opens it to read alone."""
    monkeypatch.setenv("BAILIWICK_DATABASE_URL", f"sqlite:///{name}")
    assert bailiwick("audit", "verify").out.startswith("sound: 5 records")


def test_an_empty_ledger_proves_nothing(bailiwick: Command, home: Path) -> None:
    """It says so."""
    Ledger(f"sqlite:///{home / 'bailiwick.db'}").close()
    outcome = bailiwick("audit", "verify")
    assert outcome.status == 1
    assert "no record to check" in outcome.err


@pytest.mark.usefixtures("ledger")
def test_show_prints_every_thread_in_order(bailiwick: Command) -> None:
    """One table for each."""
    outcome = bailiwick("audit", "show")
    assert outcome.status == 0
    days = r"thread first, \d{4}-\d\d-\d\d *\n.*thread second, \d{4}-\d\d-\d\d *\n"
    assert re.search(days, outcome.out, re.DOTALL)
    assert outcome.out.count("hands over to agent-1") == 2
    assert bailiwick("audit", "show", "--thread", "second").out.count("hands over") == 2


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "command",
    ["audit show", "audit verify", "audit export", "audit leases", "approvals ls", "calls ls"],
)
def test_an_unknown_thread_is_an_error(bailiwick: Command, command: str) -> None:
    """Nothing about nobody is not an answer."""
    outcome = bailiwick(*command.split(), "--thread", "third")
    assert outcome.status == 1
    assert outcome.out == ""
    assert "the ledger has no thread 'third'" in outcome.err


@pytest.mark.usefixtures("ledger")
def test_a_sound_ledger_is_called_sound(bailiwick: Command) -> None:
    """With what was looked at."""
    outcome = bailiwick("audit", "verify")
    assert (outcome.status, outcome.out) == (0, "sound: 5 records in 2 threads\n")


def test_one_of_a_kind_is_called_so(bailiwick: Command, home: Path) -> None:
    """Numbers are read with their nouns."""
    with (
        closing(Ledger(f"sqlite:///{home / 'bailiwick.db'}")) as made,
        made.transaction() as connection,
    ):
        made.append(connection, "first", Entry("handoff", {}))
    assert bailiwick("audit", "verify").out == "sound: 1 record in 1 thread\n"


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE records SET body = '{}' WHERE thread = 'second' AND seq = 1", "was changed"),
        ("DELETE FROM records WHERE thread = 'first' AND seq = 2", "record 2 of thread 'first'"),
    ],
    ids=["changed", "removed"],
)
def test_a_tampered_ledger_fails_and_names_the_record(
    bailiwick: Command, home: Path, statement: str, said: str
) -> None:
    """Shown it can be all the same."""
    tamper(home, statement)
    outcome = bailiwick("audit", "verify")
    assert outcome.status == 1
    assert said in outcome.err
    assert bailiwick("audit", "show").status == 0


@pytest.mark.parametrize("thread", ["chat[bold]", "chat[/]", "chat\x1b[31m"])
def test_no_thread_and_no_number_is_obeyed(
    bailiwick: Command, ledger: Ledger, home: Path, thread: str
) -> None:
    """Whoever names a thread, or wrote into the database, paints nothing and breaks nothing."""
    with ledger.transaction() as connection:
        ledger.append(connection, thread, Entry("handoff", {"to": "nobody"}))
    tamper(home, "UPDATE records SET seq = char(27) || '[/]' WHERE thread = 'first' AND seq = 2")
    tamper(home, "UPDATE records SET at = '2026[/]-11T' || char(27) || '[31m' WHERE seq = 1")
    outcome = bailiwick("audit", "show")
    assert outcome.status == 0
    assert "\x1b" not in outcome.out
    assert f"thread {thread.replace(chr(27), chr(92) + 'x1b')}, 2026[/]-" in outcome.out


@pytest.mark.usefixtures("ledger")
def test_show_survives_a_record_that_is_no_json(bailiwick: Command, home: Path) -> None:
    """Whoever looks into a spoilt ledger is pointed to the check."""
    tamper(home, "UPDATE records SET body = 'garbage' WHERE thread = 'first' AND seq = 1")
    outcome = bailiwick("audit", "show")
    assert outcome.status == 0
    assert "cannot be read: bailiwick audit verify" in outcome.out


def test_an_export_is_checked_without_a_database(
    bailiwick: Command, ledger: Ledger, home: Path
) -> None:
    """Whatever characters stand in it; and a changed letter is found."""
    with ledger.transaction() as connection:
        # A separator of lines to `splitlines`, and none to JSON.
        entry = Entry("handoff", {"agent": "a", "to": "b\u2028c", "verdict": "allow", "reason": ""})
        ledger.append(connection, "first", entry)
    lines = bailiwick("audit", "export").out
    file = home / "elsewhere" / "export.jsonl"
    file.parent.mkdir()
    file.write_text(lines, encoding="utf-8")
    (home / "bailiwick.db").rename(home / "gone.db")
    assert [json.loads(line)["seq"] for line in lines.split("\n") if line] == [1, 2, 3, 4, 1, 2]
    assert bailiwick("audit", "verify", "--export", str(file)).out.startswith("sound: 6 records")
    file.write_text(lines.replace("agent-1", "agent-9", 1), encoding="utf-8")
    outcome = bailiwick("audit", "verify", "--export", str(file))
    assert outcome.status == 1
    assert "record 2 of thread 'first'" in outcome.err


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\xfe", b"[]\n"], ids=["missing", "empty", "binary", "foreign"]
)
def test_what_is_no_export_is_refused(
    bailiwick: Command, home: Path, content: bytes | None
) -> None:
    """In one sentence."""
    file = home / "export.jsonl"
    if content is not None:
        file.write_bytes(content)
    outcome = bailiwick("audit", "verify", "--export", str(file))
    assert outcome.status == 1
    assert outcome.err.count("\n") == 1
