"""Owns the witness: everything that could be read of some runs by whoever looks."""

import logging
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client
from psycopg.sql import SQL, Identifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.stories.search import everything_in, join

from bailiwick.tools.loopback import serve

VERSIONS = {"table bailiwick_schema", "table checkpoint_migrations", "table refusals"}
"""Places that hold numbers or digests alone, and nothing of any run that could be read."""

_INFO = {"version": "0.14.0"}
"""What a LangSmith server says of itself; without compression, so that payloads can be read."""


class Witness:
    """Collect what can be seen of runs.

    Attributes:
        tracer: What sends the runs to LangSmith; give it to them as a callback.
        events: What the runs streamed, by the name of the stream.
        errors: What the runs raised, with the locals of each frame.
    """

    def __init__(self, client: Client, payloads: list[bytes]) -> None:
        self._client = client
        self._payloads = payloads
        self.tracer: BaseCallbackHandler = LangChainTracer(client=client)
        self.events: dict[str, list[object]] = {}
        self.errors: list[bytes] = []

    def saw(self, stream: str, event: object) -> None:
        """Note something that a run streamed."""
        self.events.setdefault(stream, []).append(event)

    def caught(self, error: BaseException) -> None:
        """Note an error with all it shows."""
        self.errors.append(everything_in(error))

    def places(self, *urls: str) -> dict[str, bytes]:
        """Return all that was seen so far, and all that lies in the databases at some URLs."""
        self._client.flush()
        stored = {name: text for url in urls for name, text in _database(url)}
        streamed = {f"stream {name}": join(events) for name, events in self.events.items()}
        traced = {"LangSmith": b"\n".join(self._payloads)}
        return {**stored, **streamed, **traced, "errors": b"\n".join(self.errors)}


@contextmanager
def open_witness() -> Generator[Witness]:
    """Watch runs, with a LangSmith server of our own on loopback."""
    payloads: list[bytes] = []

    async def take(request: Request) -> Response:
        payloads.append(await request.body())
        return JSONResponse({}, status_code=202)

    async def info(_: Request) -> Response:
        return JSONResponse(_INFO)

    rest = Route("/{path:path}", take, methods=["GET", "POST", "PATCH"])
    with ExitStack() as opened:
        address = opened.enter_context(serve(Starlette(routes=[Route("/info", info), rest])))
        client = Client(api_url=address, api_key="no key", auto_batch_tracing=True)
        opened.callback(client.close)
        yield Witness(client, payloads)


def listen_to_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Have every logger there is tell everything."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)


def logged(caplog: pytest.LogCaptureFixture) -> bytes:
    """Return all that was logged, with all that the records hold."""
    return join([caplog.text, *(repr(vars(record)) for record in caplog.records)])


def _database(url: str) -> Iterator[tuple[str, bytes]]:
    if url.startswith("postgresql:"):
        yield from _postgresql(url)
        return
    path = Path(url.removeprefix("sqlite:///"))
    yield from _sqlite(path)
    # The log that SQLite writes ahead holds what the file does not hold yet.
    files = sorted(path.parent.glob(f"{path.name}*"))
    yield f"files of {path.name}", b"".join(file.read_bytes() for file in files)


def _sqlite(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - the database's own names
            if rows:
                yield f"table {name}", join(value for row in rows for value in row)


def _postgresql(url: str) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (name,) in names:
            rows = connection.execute(SQL("SELECT * FROM {}").format(Identifier(name))).fetchall()
            if rows:
                yield f"table {name}", join(value for row in rows for value in row)
