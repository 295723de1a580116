"""Owns what the tests of the command line run it with: a clean environment, a folder of its own."""

import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command
from tests.graphs.cli.terminals import Outcome, Terminal

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.cli import main
from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.tools.records.ledger import Entry, Ledger

FOREIGN = ("BAILIWICK_", "OPENAI_", "VAULT_", "LANGSMITH_", "LANGCHAIN_", "COLUMNS", "FORCE_COLOR")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder to run in, and no setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bailiwick(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Give what runs a command in this process, to its end."""
    assert home.exists()

    def run(*args: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(args)
        out, err = capsys.readouterr()
        return Outcome(status=int(ended.value.code or 0), out=out, err=err)

    return run


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """Give the ledger that commands find here, with two threads in it."""
    with closing(Ledger(f"sqlite:///{home / 'bailiwick.db'}")) as made:
        with made.transaction() as connection:
            for thread, count in (("first", 3), ("second", 2)):
                handoffs = [Entry("handoff", handoff(f"agent-{n}")) for n in range(count)]
                made.append(connection, thread, *handoffs)
        yield made


@pytest.fixture
def surroundings(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surroundings]:
    """Give a development Vault and a shop that the settings name."""
    with start_surroundings() as started:
        write_approles(home / "approles.json", started.logins)
        monkeypatch.setenv("VAULT_ADDR", started.vault_address)
        monkeypatch.setenv("BAILIWICK_APPROLES", "approles.json")
        monkeypatch.setenv("BAILIWICK_SHOP_URL", started.shop_address)
        yield started


def handoff(to: str) -> dict[str, object]:
    """Return the body of a hand-off's record."""
    return {"agent": "supervisor", "to": to, "verdict": "allow", "reason": "Permitted."}


@pytest.fixture(scope="session")
def clean_environment() -> dict[str, str]:
    """Give the environment of a person who has set nothing."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


@pytest.fixture(scope="module")
def development(
    clean_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Run `bailiwick vault dev`, and give an environment with what it told to set."""
    folder = tmp_path_factory.mktemp("vault")
    args = ("vault", "dev", "--port", "0", "--shop-port", "0")
    with Terminal(args, clean_environment, folder, columns=200) as vault:
        told = vault.expect("It stops with Ctrl-C")
        exports = dict(re.findall(r"export (\w+)=(\S+)", told))
        yield {**clean_environment, **exports}
        vault.press("c")
        assert vault.end() == 0
        assert "Traceback" not in vault.shown
