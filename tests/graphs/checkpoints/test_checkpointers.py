"""Checkpoints: SQLite and PostgreSQL, sync and async, strict about what a row may hold."""

import asyncio
import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, StateGraph
from psycopg.conninfo import conninfo_to_dict
from tests.graphs.checkpoints.opened import CONFIG, adopted, opening
from typing_extensions import TypedDict

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.checkpoints.postgres_pools import WAIT
from bailiwick.policies.errors import SettingsError

built: list[str] = []


class Foreign:
    """A class that a planted row names; it tells when it is built."""

    def __init__(self, word: str = "") -> None:
        built.append(word)


class State(TypedDict):
    """The state of a graph that counts."""

    count: int


def count(state: State) -> State:
    """Add one."""
    return {"count": state["count"] + 1}


def graph() -> StateGraph[State]:
    """Return a graph that counts to one."""
    made = StateGraph(State)
    made.add_node("count", count)
    made.add_edge(START, "count")
    return made


def test_a_thread_outlives_its_process_in_either_database(database_url: str) -> None:
    """Opened again, it stands where it stood; with the asynchronous one, too."""
    with open_checkpointer(database_url) as saver:
        graph().compile(checkpointer=saver).invoke({"count": 1}, CONFIG)
    with open_checkpointer(database_url) as saver:
        assert graph().compile(checkpointer=saver).get_state(CONFIG).values == {"count": 2}

    async def look(saver: BaseCheckpointSaver[Any]) -> object:
        app = graph().compile(checkpointer=saver)
        before = (await app.aget_state(CONFIG)).values
        after = await app.ainvoke({"count": 5}, CONFIG)
        return before, after

    assert asyncio.run(adopted(database_url, look)) == ({"count": 2}, {"count": 6})


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_database_in_memory_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, way: str
) -> None:
    """Whichever way it is spelled."""
    monkeypatch.chdir(tmp_path)
    opening(url, way)
    assert list(tmp_path.iterdir()) == []


def planted(kind: str) -> tuple[str, bytes]:
    """Return a serialised value that names a class of this module."""
    if kind == "json":
        named = {"lc": 2, "type": "constructor", "id": [__name__, "Foreign"], "args": ["json"]}
        return "json", json.dumps(named).encode()
    # Extension types 0 to 5 of langgraph.checkpoint.serde.jsonplus call what they name.
    number = int(kind)
    argument: object = {0: "x", 1: ["x"], 2: {"word": "x"}}.get(number, "x")
    inner = ormsgpack.packb([__name__, "Foreign", argument, "__init__"])
    return "msgpack", ormsgpack.packb(ormsgpack.Ext(number, inner))


@pytest.mark.parametrize("kind", ["0", "1", "2", "3", "4", "5", "json"])
def test_a_row_that_names_a_foreign_class_does_not_build_it(kind: str) -> None:
    """Whoever can write the database cannot run code by it."""
    built.clear()
    with open_checkpointer("sqlite://") as saver:
        saver.serde.loads_typed(planted(kind))
    assert built == []


def test_a_planted_class_would_be_built_without_the_strict_list() -> None:
    """So that the test before tells something."""
    built.clear()
    JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(planted("0"))
    assert built == ["x"]


def test_a_pickled_row_is_refused() -> None:
    """Loading it would run whatever it says."""
    with open_checkpointer("sqlite://") as saver, pytest.raises(NotImplementedError):
        saver.serde.loads_typed(("pickle", b"cos\nsystem\n(S'false'\ntR."))


def test_messages_are_read_back_as_messages(database_url: str) -> None:
    """Strict is not too strict: what LangGraph needs is on its list."""
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"messages": [HumanMessage("hello", id="1")]}
    checkpoint["channel_versions"] = {"messages": "1"}
    with open_checkpointer(database_url) as saver:
        saver.put(CONFIG, checkpoint, {"source": "input"}, {"messages": "1"})
        found = saver.get_tuple(CONFIG)
    assert found is not None
    assert found.checkpoint["channel_values"] == {"messages": [HumanMessage("hello", id="1")]}


@pytest.fixture
def silent() -> Iterator[int]:
    """Give a port where connections are taken and nothing is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/d", "cannot be reached: check that PostgreSQL runs"),
        ("postgresql+psycopg://u:s3cret@127.0.0.1:1/d", "cannot be reached"),
        ("postgresql://u:s3cret@127.0.0.1/d?nonsense=1", "cannot be found at such a URL"),
        ("mysql://u:s3cret@h/d", "cannot be kept at 'mysql'"),
        ("", "cannot be kept at what is no URL"),
        ("sqlite:checkpoints.db", "cannot be kept at what is no URL"),
        ("postgresql:app:s3cret@h/d", "cannot be kept at what is no URL"),
        ("sqlite:///no/such/folder/c.db", "check that its folder exists"),
        ("sqlite:///.", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_with_its_remedy(
    url: str, said: str, way: str
) -> None:
    """And without the URL's password."""
    with pytest.raises(SettingsError, match=said) as caught:
        opening(url, way)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_silent_postgresql_is_given_up(
    monkeypatch: pytest.MonkeyPatch, silent: int, way: str
) -> None:
    """Nobody waits long for a program that says nothing: 5 seconds, and here the least there is."""
    assert WAIT == 5
    monkeypatch.setattr("bailiwick.graphs.checkpoints.postgres_pools.WAIT", 2)
    started = time.monotonic()
    with pytest.raises(SettingsError, match="cannot be reached"):
        opening(f"postgresql://u@127.0.0.1:{silent}/d", way)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_missing_postgresql_database_is_told(postgres_url: str, way: str) -> None:
    """The server is there: it says what is wrong."""
    name = conninfo_to_dict(postgres_url)["dbname"]
    with pytest.raises(SettingsError, match=r"cannot be reached|does not exist"):
        opening(postgres_url.replace(f"/{name}", "/no_such_database", 1), way)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_file_that_is_no_database_is_told_and_kept(tmp_path: Path, way: str) -> None:
    """It may be somebody's."""
    file = tmp_path / "c.db"
    file.write_text("a letter to somebody\n" * 50)
    with pytest.raises(SettingsError, match="is damaged or no database at all"):
        opening(f"sqlite:///{file}", way)
    assert file.read_text().startswith("a letter")


def test_a_locked_file_is_told_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wait, instead of one for each write of a run."""
    monkeypatch.setattr("bailiwick.graphs.checkpoints.checkpointers.WAIT", 0.1)
    url = f"sqlite:///{tmp_path / 'c.db'}"
    opening(url, "sync")
    with closing(sqlite3.connect(tmp_path / "c.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SettingsError, match="is locked by somebody else"):
            opening(url, "sync")
        other.rollback()
    opening(url, "sync")


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Conversations stand in it."""
    path = tmp_path / "checkpoints.db"
    with open_checkpointer(f"sqlite:///{path}"):
        assert path.stat().st_mode & 0o777 == 0o600
