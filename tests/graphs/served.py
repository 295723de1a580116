"""Owns a started LangGraph Server: its process, its surroundings, its settings."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from tests.bare_http import send
from tests.graphs.clients import SECRET, Json, bearer

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.cli import main
from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.tools.shop import Shop

CONFIGURATION = Path(__file__).parents[2] / "langgraph.json"
LANGGRAPH = Path(sys.executable).parent / "langgraph"
READY = 60.0
"""Seconds for which the server may take to start."""

QUIET = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGSMITH_TRACING": "false",
}
"""Without these the server calls its makers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Hold a started server, the shop it works with, and what else it was started with."""

    address: str
    shop: Shop
    folder: Path
    settings: Mapping[str, str]
    process: "subprocess.Popen[bytes]"

    @contextmanager
    def client(self, user: str, *roles: str) -> Generator[SyncLangGraphClient]:
        """Connect as somebody."""
        headers = bearer(user, *roles)
        with get_sync_client(url=self.address, api_key=None, headers=headers) as client:
            yield client

    def bailiwick(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as somebody at a terminal of the same deployment, without its start."""
        status, out, err = 0, StringIO(), StringIO()
        settings = environment(self.folder, self.settings)
        with (
            patch.dict(os.environ, settings, clear=True),
            chdir(self.folder),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main(args)
            except SystemExit as ended:
                status = int(ended.code or 0)
        return subprocess.CompletedProcess(args, status, out.getvalue(), err.getvalue())

    def kill(self) -> None:
        """Kill it with everything of it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def post(self, path: str, body: Json, headers: Mapping[str, str]) -> httpx.Response:
        """Send what no client library would."""
        return self.send("POST", path, body, headers)

    def send(
        self, method: str, path: str, body: Json, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Do what `post` does, with any method."""
        url = f"{self.address}{path}"
        return send(method, url, json=body, headers=dict(headers), timeout=10)


@contextmanager
def serve_desk(folder: Path) -> Generator[Server]:
    """Serve the refund desk as `langgraph.json` says, from a folder of its own."""
    with start_surroundings() as surroundings, serve(folder, surroundings) as server:
        yield server


@contextmanager
def serve(
    folder: Path,
    surroundings: Surroundings,
    *,
    ledger: Path | None = None,
    policy: Path | None = None,
    **changed: Json,
) -> Generator[Server]:
    """Serve the refund desk with a Vault, a shop and a ledger that others may use, too.

    Args:
        folder: Its own.
        surroundings: Where Vault and the shop are.
        ledger: The ledger's file; one of its own where left out.
        policy: The folder of rules; the shipped ones where left out.
        changed: What is said otherwise in `langgraph.json`.
    """
    assert surroundings.shop is not None
    approles = folder / "approles.json"
    if not approles.exists():
        write_approles(approles, surroundings.logins)
    settings = {
        "BAILIWICK_APPROLES": str(approles),
        "BAILIWICK_AUTH_SECRET": SECRET,
        "BAILIWICK_DATABASE_URL": f"sqlite:///{ledger or folder / 'bailiwick.db'}",
        "BAILIWICK_SHOP_URL": surroundings.shop_address,
        "VAULT_ADDR": surroundings.vault_address,
        **({} if policy is None else {"BAILIWICK_POLICY": str(policy)}),
    }
    port = free_port()
    with start_server(folder, settings, port, **changed) as process:
        server = Server(
            address=f"http://127.0.0.1:{port}",
            shop=surroundings.shop,
            folder=folder,
            settings=settings,
            process=process,
        )
        _await(server, process, folder / "server.log")
        yield server


@contextmanager
def start_server(
    folder: Path, settings: Mapping[str, str], port: int, **changed: Json
) -> Generator["subprocess.Popen[bytes]"]:
    """Start `langgraph dev` in a folder, and end it for certain; its output is in `server.log`."""
    configuration = json.loads(CONFIGURATION.read_bytes())
    for name, said in changed.items():
        configuration[name] = {**configuration.get(name, {}), **said}
    (folder / "langgraph.json").write_text(json.dumps(configuration), encoding="utf-8")
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(LANGGRAPH, "dev", "--no-browser", "--no-reload"),
                *("--port", str(port), "--n-jobs-per-worker", "10"),
            ],
            cwd=folder,
            env=environment(folder, settings),
            stdout=log,
            stderr=log,
            # A process group of its own, so that nothing of it is left.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with nothing of the tests' own: keys of a model may be in that."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **QUIET, **settings}


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def was_hooked(folder: Path) -> bool:
    """Tell whether a server that was stopped had asked a hook to seal what it keeps there."""
    stored = (folder / ".langgraph_api" / ".langgraph_ops.pckl").read_bytes()
    return b"__encryption_context__" in stored


def _await(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY
    while not _answers(server.address):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the server did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.05)


def _answers(address: str) -> bool:
    try:
        return send("GET", f"{address}/ok").is_success
    except httpx.TransportError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_)
            process.wait(10)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
