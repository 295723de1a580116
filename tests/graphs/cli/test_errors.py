"""Errors on the command line: one sentence with the remedy, status 1, and nothing lost."""

import logging
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command
from tests.graphs.cli.terminals import COMMAND, Outcome, Terminal

from bailiwick.graphs.cli import main
from bailiwick.policies.errors import SettingsError

RUN = ("run", "Please refund order A-1001")
NOBODY = "http://127.0.0.1:1"
LOGINS = '{"billing": {"role_id": "r", "secret_id": "s"}}'


@pytest.fixture
def served() -> Iterator[int]:
    """Give a port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def told(outcome: Outcome) -> str:
    """Return the one sentence that a failed command says."""
    assert outcome.status == 1
    lines = outcome.err.splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("bailiwick: ")
    return lines[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"BAILIWICK_ENV": "prod"}, "BAILIWICK_ENV cannot be used"),
        ({"BAILIWICK_ENVIRONMENT": "production"}, "did you mean BAILIWICK_ENV?"),
        ({"BAILIWICK_ENV": "production"}, "production starts no Vault and no shop"),
        ({"VAULT_ADDR": "http://127.0.0.1:1"}, "BAILIWICK_APPROLES, BAILIWICK_SHOP_URL must be"),
        ({"BAILIWICK_DATABASE_URL": "mysql://u:secret@h/d"}, "does not know 'mysql'"),
        ({"BAILIWICK_DATABASE_URL": "nonsense"}, "the ledger's URL cannot be read"),
        ({"BAILIWICK_DATABASE_URL": "sqlite:///no/where.db"}, "check that its folder exists"),
        (
            {"BAILIWICK_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/d"},
            "cannot be reached: check that PostgreSQL runs",
        ),
        (
            {"BAILIWICK_CHECKPOINT_URL": "postgresql://u:secret@127.0.0.1:1/d"},
            "the checkpoints' database in PostgreSQL cannot be reached",
        ),
        ({"BAILIWICK_CHECKPOINT_URL": "redis://u:secret@h"}, "cannot be kept at 'redis'"),
        ({"BAILIWICK_CHECKPOINT_URL": "sqlite:///c.db?mode=rw"}, "write sqlite:///PATH"),
        ({"BAILIWICK_POLICY": "no/rules"}, "no/rules"),
        ({"OPENAI_API_KEY": "sk-secret-ü"}, "OPENAI_API_KEY cannot be used: it holds a character"),
        ({"BAILIWICK_MODEL": "gpt-5"}, "has no key: set OPENAI_API_KEY"),
    ],
    ids=lambda given: "+".join(given) if isinstance(given, Mapping) else "",
)
def test_a_wrong_setting_is_named_with_its_remedy(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str], said: str
) -> None:
    """No traceback, and no password of an address."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    sentence = told(bailiwick(*RUN))
    assert said in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("approles", "said"),
    [
        (None, "cannot be read"),
        ("{", "is no file of AppRoles"),
        ('{"billing": {"role_id": "r"}}', "is no file of AppRoles"),
        (LOGINS, "does not answer: start it with `bailiwick vault dev` or set VAULT_ADDR"),
    ],
    ids=["missing", "garbled", "incomplete", "vault-down"],
)
def test_a_vault_that_cannot_be_used_is_named_with_its_remedy(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, approles: str | None, said: str
) -> None:
    """Before anything is asked of anybody."""
    if approles is not None:
        Path("approles.json").write_text(approles)
    monkeypatch.setenv("VAULT_ADDR", NOBODY)
    monkeypatch.setenv("BAILIWICK_APPROLES", "approles.json")
    monkeypatch.setenv("BAILIWICK_SHOP_URL", NOBODY)
    assert said in told(bailiwick(*RUN))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("run", " "), "an empty text says nothing"),
        (("run", "order \udcff"), "is no UTF-8"),
        (("run", "--thread", "nobody"), "there is no thread 'nobody'"),
        (("run", "--thread", "nobody", "Please refund A-1001"), "there is no thread 'nobody'"),
    ],
    ids=["blank", "bytes", "unknown-thread", "unknown-thread-with-request"],
)
def test_a_malformed_request_is_refused(
    bailiwick: Command, args: tuple[str, ...], said: str
) -> None:
    """It is told what would be one."""
    assert said in told(bailiwick(*args))


@pytest.mark.parametrize("name", ["bailiwick.db", "bailiwick.checkpoints.db"])
def test_a_locked_database_is_told_and_works_afterwards(
    bailiwick: Command, home: Path, name: str
) -> None:
    """Whoever locks it is let to finish, and then nothing is lost."""
    assert bailiwick("run", "How is order A-1001?").status == 0
    with closing(sqlite3.connect(home / name)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE mine (x)")
        outcome = bailiwick("run", "How is order A-1001?")
        assert outcome.status == 1
        assert "is locked by somebody else" in outcome.err
        assert "Traceback" not in outcome.err
        other.rollback()
    assert bailiwick("run", "How is order A-1001?").status == 0
    assert bailiwick("audit", "verify").status == 0


@pytest.mark.parametrize("option", ["--port", "--shop-port"])
def test_a_taken_port_is_told(bailiwick: Command, home: Path, served: int, option: str) -> None:
    """And no file of logins is left."""
    other = "--shop-port" if option == "--port" else "--port"
    outcome = bailiwick("vault", "dev", option, str(served), other, "0")
    assert f"port {served} on 127.0.0.1 is taken" in told(outcome)
    assert list(home.iterdir()) == []


def test_logins_are_not_written_over(bailiwick: Command, home: Path) -> None:
    """They may be those of a Vault that is still in use."""
    (home / "approles.json").write_text(LOGINS)
    outcome = bailiwick("vault", "dev", "--port", "0", "--shop-port", "0")
    assert "'approles.json' exists already" in told(outcome)
    assert (home / "approles.json").read_text() == LOGINS


def test_a_full_disk_leaves_no_logins_behind(
    clean_environment: dict[str, str], tmp_path: Path
) -> None:
    """An empty file would be in the way of those for which there is room."""
    dev = (str(COMMAND), "vault", "dev", "--port", "0", "--shop-port", "0")
    ended = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *dev],
        env=clean_environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "'approles.json' cannot be written" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_closed_terminal_leaves_no_logins_behind(
    clean_environment: dict[str, str], tmp_path: Path
) -> None:
    """They log in nowhere any more, and the next Vault would be refused."""
    args = ("vault", "dev", "--port", "0", "--shop-port", "0")
    with Terminal(args, clean_environment, tmp_path) as vault:
        vault.expect("It stops with Ctrl-C")
        assert (tmp_path / "approles.json").exists()
        vault.process.send_signal(signal.SIGHUP)
        assert vault.end() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hours", ["nan", "inf", "1e300", "-1", "721"])
def test_a_token_is_good_for_a_length_of_time(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, hours: str
) -> None:
    """Not for ever, and not for what is no number."""
    monkeypatch.setenv("BAILIWICK_AUTH_SECRET", "s3cret" * 8)
    said = told(bailiwick("token", "--user", "clerk", f"--hours={hours}"))
    assert "more than nothing and at most 30 days" in said
    assert bailiwick("token", "--user", "clerk", "--hours=720").status == 0


def test_a_development_vault_is_not_for_production(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses to start, and so does the demo, which has one of its own."""
    monkeypatch.setenv("BAILIWICK_ENV", "production")
    assert "is not for production" in told(bailiwick("vault", "dev", "--port", "0"))
    assert "which production does not" in told(bailiwick("demo"))


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [("--debug", *RUN), (*RUN, "--debug")], ids=["before", "after"])
def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    """Wherever it is typed."""
    monkeypatch.setenv("BAILIWICK_ENV", "prod")
    with pytest.raises(SettingsError):
        main(words)


@pytest.mark.usefixtures("home")
def test_a_request_may_look_like_an_option(bailiwick: Command) -> None:
    """What follows two dashes is text."""
    assert "there is no thread '--debug'" in told(bailiwick("run", "--thread=--debug"))
    assert "no request" not in bailiwick("run", "--", "--debug").out


def test_what_libraries_warn_of_stays_out_of_the_terminal(
    home: Path, clean_environment: dict[str, str]
) -> None:
    """PostgreSQL's pool logs every failed try: the sentence says it once."""
    env = {
        **clean_environment,
        "BAILIWICK_CHECKPOINT_URL": "postgresql://u:secret@127.0.0.1:1/d",
    }
    ended = subprocess.run(
        [COMMAND, *RUN], env=env, cwd=home, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("bailiwick: the checkpoints' database in PostgreSQL")


def test_a_terminal_that_is_no_columns_wide_is_written_to(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some do not tell how wide they are; the command would end well and say nothing."""
    monkeypatch.setenv("COLUMNS", "0")
    assert "valid: 10 rules" in bailiwick("policy", "check").out


def test_a_broken_line_is_told_with_its_file(bailiwick: Command, home: Path) -> None:
    """The rest of the file counts."""
    (home / ".env").write_text("BAILIWICK_ENV=development\n'\n", encoding="utf-8")
    told = bailiwick("policy", "check").err
    assert told.startswith("bailiwick: .env: ")
    assert told.count("line 2") == 1


@pytest.mark.parametrize(
    "line", ["BAILIWICK_ENV: production", 'BAILIWICK_ENV="production', "BAILIWICK_ENV production"]
)
def test_a_broken_line_that_was_to_set_something_is_refused(
    bailiwick: Command, home: Path, line: str
) -> None:
    """Whoever wrote it believes in production."""
    (home / ".env").write_text(f"OPENAI_API_KEY=\n{line}\n", encoding="utf-8")
    outcome = bailiwick("policy", "check")
    assert outcome.status == 1
    assert ".env, line 2: nothing can be read of it: write BAILIWICK_ENV=VALUE" in outcome.err


def test_a_wrong_option_is_shown_as_usage(bailiwick: Command) -> None:
    """With the status that shells know for it."""
    outcome = bailiwick("run", "--no-such-option")
    assert outcome.status == 2
    assert "Usage: bailiwick run" in outcome.err


@pytest.fixture(autouse=True)
def quiet_loggers() -> Iterator[None]:
    """Take away afterwards what a command has set up for its own process."""
    before = {name: logging.getLogger(name).handlers[:] for name in ("bailiwick", "dotenv")}
    yield
    for name, handlers in before.items():
        logging.getLogger(name).handlers[:] = handlers
