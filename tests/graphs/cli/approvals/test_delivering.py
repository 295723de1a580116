"""Threads go on after `bailiwick approvals`: with `deliver`, and with the next run."""

import io
import json
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.outputs import ChatResult
from sqlalchemy import update
from tests.graphs.cli.outcomes import Command, done, flat
from tests.graphs.cli.terminals import Terminal

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


def requested(bailiwick: Command, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Ask for a refund with nobody there to answer; return thread and request."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    waits = bailiwick("run", "Please refund order A-1001")
    found = re.search(r"--thread (\S+)", waits.out)
    assert found
    (listed,) = json.loads(bailiwick("approvals", "ls", "--json", "--thread", found[1]).out)
    return found[1], listed["id"]


def test_an_approved_refund_is_delivered(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in one process, approved in another, carried on by a third; and there only once."""
    thread, request = requested(bailiwick, monkeypatch)
    assert done(bailiwick("approvals", "deliver")) == "Nothing waits to go on."
    done(bailiwick("approvals", "approve", request))
    told = done(bailiwick("approvals", "deliver"))
    assert f"thread {thread} went on" in told
    assert "Refunded 42.00 EUR on order A-1001" in told
    assert done(bailiwick("approvals", "deliver")) == "Nothing waits to go on."


def test_a_run_carries_on_what_was_answered_elsewhere(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks nobody a second time."""
    thread, request = requested(bailiwick, monkeypatch)
    done(bailiwick("approvals", "reject", request, "--message", "not today"))
    told = done(bailiwick("run", "--thread", thread))
    assert "rejected it: not today" in told
    assert "an approval is needed" not in told
    assert done(bailiwick("approvals", "deliver")) == "Nothing waits to go on."


def test_an_expired_request_is_delivered(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """The agent hears that nobody answered."""
    thread, _ = requested(bailiwick, monkeypatch)
    database = f"sqlite:///{home / 'bailiwick.db'}"
    with closing(Ledger(database)) as ledger, ledger.transaction() as connection:
        connection.execute(update(tables.approvals).values(expires_at=0.0))
    told = done(bailiwick("approvals", "deliver"))
    assert f"thread {thread} went on" in told
    assert "Nobody answered in time" in told


def test_a_thread_that_breaks_off_is_told_of_once_and_fails_the_command(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script hears of it, and a person reads one line about it."""
    thread, request = requested(bailiwick, monkeypatch)
    done(bailiwick("approvals", "approve", request))
    with monkeypatch.context() as broken:
        broken.setattr(ScriptedModel, "_generate", breaking)
        failed = bailiwick("approvals", "deliver")
    assert failed.status == 1
    assert flat(failed.out + failed.err).count("the run broke off (RuntimeError)") == 1
    assert "1 of the threads broke off: see above" in failed.err
    told = done(bailiwick("run", "--thread", thread))
    assert "Refunded 42.00 EUR on order A-1001" in told


def breaking(*_: object, **__: object) -> ChatResult:
    """Answer nothing."""
    raise RuntimeError("key sk-123")


def test_watching_goes_on_until_it_is_interrupted(
    bailiwick: Command,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    clean_environment: dict[str, str],
) -> None:
    """What is answered meanwhile is carried on; Ctrl-C ends it cleanly."""
    with Terminal(("approvals", "deliver", "--watch"), clean_environment, home) as watching:
        watching.expect("it stops with Ctrl-C")
        _, request = requested(bailiwick, monkeypatch)
        done(bailiwick("approvals", "approve", request))
        watching.expect("went on")
        watching.expect("Refunded 42.00 EUR on order A-1001")
        watching.process.send_signal(signal.SIGINT)
        assert watching.end() == 0
    assert "Traceback" not in watching.shown


def test_watching_outlives_a_database_that_is_away(
    bailiwick: Command,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    clean_environment: dict[str, str],
) -> None:
    """It says so once, and goes on when the database is there again."""
    _, request = requested(bailiwick, monkeypatch)
    done(bailiwick("approvals", "approve", request))
    file = home / "bailiwick.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("ALTER TABLE deliveries RENAME TO elsewhere")
        with Terminal(("approvals", "deliver", "--watch"), clean_environment, home) as watching:
            watching.expect("does not have the tables it should have")
            watching.expect("it looks again and again")
            other.execute("ALTER TABLE elsewhere RENAME TO deliveries")
            watching.expect("Refunded 42.00 EUR on order A-1001")
            watching.process.send_signal(signal.SIGINT)
            assert watching.end() == 0
    assert watching.shown.count("it looks again and again") == 1
    assert "Traceback" not in watching.shown
