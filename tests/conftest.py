"""Owns the fixtures that several tests share: the databases."""

import gc
import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

READY = 30.0
"""Seconds for which a PostgreSQL server may take to start."""

TRIALS, LIVED = "trials", "lived"
"""The property under which a test reports its trials; how one ended in which nobody was killed."""

VAULT = "--vault"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the word that names a real Vault: it is written to, so no variable alone does that."""
    parser.addoption(
        VAULT,
        action="store_true",
        help="Try the Vault at VAULT_ADDR too, with VAULT_TOKEN. Policies, roles and secrets are "
        "written there: name none that matters.",
    )


def pytest_configure() -> None:
    """Look for no garbage while the tests are collected, as none of it is any; hear Ctrl-C."""
    gc.disable()
    # A shell has what it starts in the background ignore it, and tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # So does `nohup`, and tests close terminals.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Leave what was collected out of every search for garbage: it stays to the end."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many trials there were: of races, of workers that were killed."""
    told: dict[tuple[str, str], Counter[str]] = {}
    killed = 0
    for report in terminalreporter.getreports("passed"):
        for name, each in report.user_properties:
            if name == TRIALS:
                told.setdefault((each["story"], each["way"]), Counter()).update(each["outcomes"])
                died = sum(each["outcomes"].values()) - each["outcomes"].get(LIVED, 0)
                killed += died * each["deaths"]
    if not told:
        return
    terminalreporter.section(TRIALS)
    for (story, way), outcomes in sorted(told.items()):
        ended = ", ".join(f"{name}: {count}" for name, count in sorted(outcomes.items()))
        terminalreporter.line(f"{way:17}{story:48}{outcomes.total():5}  {ended}")
    trials = sum(outcomes.total() for outcomes in told.values())
    terminalreporter.line(f"{trials} trials, {killed} workers killed")


@dataclass
class Cluster:
    """Hold a PostgreSQL server of the tests' own, on a Unix socket."""

    binaries: Path
    folder: Path
    user: str
    numbers: Iterator[int] = field(default_factory=count)

    def create_database(self, encoding: str = "UTF8") -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self.numbers)}"
        create = SQL("CREATE DATABASE {} STRATEGY FILE_COPY TEMPLATE template0 ENCODING {}")
        self.connection.execute(create.format(Identifier(name), Literal(encoding)))
        return self.url(name)

    @cached_property
    def connection(self) -> psycopg.Connection:
        """A connection to the database that stands from the beginning."""
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def url(self, database: str) -> str:
        """Return the URL of one database."""
        return f"postgresql://{self.user}@/{database}?host={self.folder}"


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """Start a PostgreSQL server for the tests of this process."""
    binaries = _binaries()
    if binaries is None:
        remedy = "install PostgreSQL's server (Debian: postgresql; Homebrew: postgresql)"
        if os.environ.get("CI"):
            pytest.fail(f"no PostgreSQL server programs were found: {remedy}")
        pytest.skip(f"no PostgreSQL server programs were found: {remedy}")
    # Not below pytest's own folder: only its owner may enter that, and the server may be another
    # user; and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="bailiwick-") as made:
        cluster = Cluster(binaries=binaries, folder=Path(made), user=_server_user())
        server = _start(cluster)
        try:
            _await(cluster, server)
            yield cluster
            cluster.connection.close()
        finally:
            # PostgreSQL's "immediate shutdown": it waits for no client, and writes nothing more.
            server.send_signal(signal.SIGQUIT)
            server.wait(READY)


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> str:
    """Give a fresh, empty PostgreSQL database."""
    return postgres_cluster.create_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give a fresh, empty SQLite database in a file."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give a fresh, empty database of each kind in turn."""
    fixture = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(fixture))


def _binaries() -> Path | None:
    places = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True)
        places.append(Path(answer.stdout.strip()))
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    complete = (
        place for place in places if all((place / name).exists() for name in ("initdb", "postgres"))
    )
    return next(complete, None)


def _server_user() -> str:
    """Return who runs the server, which refuses to be run by root."""
    if os.geteuid() != 0:
        return getpass.getuser()
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _start(cluster: Cluster) -> "subprocess.Popen[str]":
    as_user: dict[str, Any] = {"cwd": cluster.folder, "text": True}
    if os.geteuid() == 0:
        group = pwd.getpwnam(cluster.user).pw_gid
        as_user |= {"user": cluster.user, "group": group, "extra_groups": []}
        shutil.chown(cluster.folder, cluster.user)
    stored = cluster.folder / "stored"
    subprocess.run(
        [
            cluster.binaries / "initdb",
            *("--pgdata", stored, "--username", cluster.user, "--auth", "trust"),
            *("--encoding", "UTF8", "--no-locale", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        **as_user,
    )
    # Whoever is made later, such as Vault's dynamic users, has to know its password.
    access = f"local all {cluster.user} trust\nlocal all all scram-sha-256\n"
    (stored / "pg_hba.conf").write_text(access, encoding="utf-8")
    with (cluster.folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [
                cluster.binaries / "postgres",
                *("-D", stored, "-k", cluster.folder, "-c", "listen_addresses="),
                *("-c", "fsync=off", "-c", "max_connections=200"),
                *("-c", "autovacuum=off", "-c", "full_page_writes=off"),
            ],
            stdout=log,
            stderr=log,
            **as_user,
        )


def _await(cluster: Cluster, server: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + READY
    while True:
        try:
            psycopg.connect(cluster.url("postgres")).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                log = (cluster.folder / "server.log").read_text(encoding="utf-8")
                pytest.fail(f"the PostgreSQL server did not start:\n{log}")
            time.sleep(0.05)
        else:
            return
