"""The rows that sealed savers write, read past every saver; and those of others, met."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from tests.graphs.checkpoints.graph import SECRET, at, graph
from tests.sealed import House

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.checkpoints.sealed_saver import SealedSaver
from bailiwick.policies.errors import CheckpointError


def test_a_schemas_types_are_allowed_and_still_sealed(house: House) -> None:
    """LangGraph asks a saver for a copy of itself that may build more."""
    saver = SealedSaver(InMemorySaver(), house.sealing())
    wide = saver.with_allowlist([("bailiwick.policies.principals", "Principal")])
    assert isinstance(wide, SealedSaver)
    assert wide is not saver
    graph().compile(checkpointer=wide).invoke({"text": SECRET}, at("wide"))
    assert graph().compile(checkpointer=saver).get_state(at("wide")).values["count"] == 41


def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    """Read a database past every saver."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(query).fetchall()
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_postgresql_keeps_no_value_inline(postgres_url: str, house: House) -> None:
    """Where it would keep texts and numbers in the checkpoint's own column."""
    with open_checkpointer(postgres_url, house.sealing()) as saver:
        graph().compile(checkpointer=saver).invoke({"text": SECRET}, at("inline"))
    inline = rows_of(postgres_url, "SELECT checkpoint->'channel_values' FROM checkpoints")
    assert inline
    assert {value for (values,) in inline for value in values.values()} <= {None}
    types = rows_of(
        postgres_url,
        "SELECT type FROM checkpoint_blobs UNION SELECT type FROM checkpoint_writes",
    )
    assert {each for (each,) in types} <= {"sealed1", "sealed1v"}


def test_an_unsealed_thread_is_read_while_migrating(database_url: str, house: House) -> None:
    """What is added to it is sealed; a thread that begins then needs no migrating later."""
    with open_checkpointer(database_url) as saver:
        graph().compile(checkpointer=saver).invoke({"text": "old"}, at("old"))
    with open_checkpointer(database_url, house.sealing()) as saver:
        strict = graph().compile(checkpointer=saver)
        with pytest.raises(CheckpointError, match="BAILIWICK_ENCRYPT=migrating"):
            strict.get_state(at("old"))
    with open_checkpointer(database_url, house.sealing(migrating=True)) as saver:
        app = graph().compile(checkpointer=saver)
        assert app.get_state(at("old")).values["count"] == 41
        before = unsealed(database_url)
        assert app.invoke(Command(resume="yes"), at("old"))["answer"] == "yes"
        app.invoke({"text": "new"}, at("new"))
        assert unsealed(database_url) == before > 0
    with open_checkpointer(database_url, house.sealing()) as saver:
        app = graph().compile(checkpointer=saver)
        assert app.get_state(at("new")).values["count"] == 41


def unsealed(url: str) -> int:
    """Return how many values are not sealed."""
    tables = ("checkpoints", "writes")
    if url.startswith("postgresql"):
        tables = ("checkpoint_blobs", "checkpoint_writes")
    types = [
        kind
        for table in tables
        for (kind,) in rows_of(url, f"SELECT type FROM {table}")  # noqa: S608 - the two above
    ]
    return sum(not kind.startswith("sealed") for kind in types)


def test_a_saver_without_a_wrapper_keeps_nothing(house: House) -> None:
    """The serializer alone does not know whose values it is given."""
    app = graph().compile(checkpointer=InMemorySaver(serde=house.sealing()))
    with pytest.raises(CheckpointError, match="put a SealedSaver around the saver"):
        app.invoke({"text": SECRET}, at("one"))


def test_rows_of_a_saver_said_to_be_whole_that_is_not_are_refused(
    postgres_url: str, house: House
) -> None:
    """They have no seal: what is missing is not taken for granted."""
    with open_checkpointer(postgres_url, house.sealing()) as saver:
        assert isinstance(saver, SealedSaver)
        wrong: BaseCheckpointSaver[Any] = SealedSaver(saver.saver, house.sealing(), is_whole=True)
        graph().compile(checkpointer=wrong).invoke({"text": "x"}, at("wrong"))
        with pytest.raises(CheckpointError, match="it is not sealed"):
            wrong.get_tuple(at("wrong", checkpoint_ns=""))


def test_the_metadata_stays_json(sqlite_url: str, house: House) -> None:
    """So that savers can filter by it."""
    with open_checkpointer(sqlite_url, house.sealing()) as saver:
        graph().compile(checkpointer=saver).invoke({"text": "x"}, at("json"))
    rows = rows_of(sqlite_url, "SELECT metadata FROM checkpoints")
    assert {json.loads(row)["source"] for (row,) in rows} == {"input", "loop"}
