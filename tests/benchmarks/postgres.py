"""Owns a PostgreSQL server for the measurements, on a Unix socket, with its own files."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

STARTS_WITHIN = 30.0
FAST_SHUTDOWN = 2
"""SIGINT, which PostgreSQL takes for a shutdown that does not wait for clients."""


@contextmanager
def postgres() -> Generator[str | None]:
    """Yield the URL of an empty database, or `None` where no server can be started."""
    initdb = shutil.which("initdb")
    if initdb is None:
        yield None
        return
    binaries = Path(initdb).resolve().parent
    with tempfile.TemporaryDirectory(prefix="bailiwick-") as made:
        folder, options = Path(made), _as_somebody(Path(made))
        stored = folder / "stored"
        create: list[str | Path] = [binaries / "initdb", "-D", stored, "-U", "bench"]
        create += ["-A", "trust", "--no-sync"]
        subprocess.run(create, check=True, capture_output=True, **options)
        serve: list[str | Path] = [binaries / "postgres", "-D", stored, "-k", folder]
        serve += ["-c", "listen_addresses="]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(serve, stdout=log, stderr=log, **options)
        url = f"postgresql://bench@/postgres?host={folder}"
        try:
            _await(url, server)
            yield url
        finally:
            server.send_signal(FAST_SHUTDOWN)
            server.wait(STARTS_WITHIN)


def _as_somebody(folder: Path) -> dict[str, Any]:
    """Return how to start the server, which refuses to be run by root."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    shutil.chown(folder, "postgres")
    return {"cwd": folder, "user": "postgres", "extra_groups": []}


def _await(url: str, server: "subprocess.Popen[Any]") -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
