"""Checkpoints in sealed savers: the same graphs, and nothing in the clear."""

import asyncio
import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from blockbuster import blockbuster_ctx
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from tests.conftest import Cluster
from tests.graphs.fakes import Office, ask, scripted
from tests.sealed import House, open_house
from tests.stories.engines import (
    App,
    AsyncEngine,
    Engine,
    Run,
    SyncEngine,
    open_async_engine,
    open_sync_engine,
)
from typing_extensions import TypedDict

from bailiwick.graphs import create_supervisor
from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer
from bailiwick.graphs.checkpoints.sealed_rows import place_of
from bailiwick.graphs.checkpoints.sealed_saver import SealedSaver
from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.policies.errors import CheckpointError, VaultError
from bailiwick.policies.principals import Principal
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.devvault.faults import Fault

CLERK = Principal(id="clerk")
SECRET = "the lamp arrived broken"
SAVERS = ("memory", "sqlite", "postgresql")


class State(TypedDict, total=False):
    """Values that savers keep in different ways."""

    text: str
    count: int
    done: bool
    items: list[str]
    answer: str


class Inner(TypedDict, total=False):
    """The state of the subgraph."""

    text: str
    answer: str


def graph() -> StateGraph[State]:
    """Return a graph with a subgraph that asks a person."""

    def wait(state: Inner) -> Inner:
        return {"answer": interrupt("may it?"), "text": state.get("text", "")}

    inner = StateGraph(Inner)
    inner.add_node("wait", wait)
    inner.add_edge(START, "wait")

    def work(state: State) -> State:
        text = state.get("text", "")
        return {"count": 41, "done": True, "items": [text, text], "text": f"{text}!"}

    made = StateGraph(State)
    made.add_node("work", work)
    made.add_node("inner", inner.compile())
    made.add_edge(START, "work")
    made.add_edge("work", "inner")
    made.add_edge("inner", END)
    return made


@pytest.fixture(scope="module")
def devvault() -> Iterator[DevelopmentVault]:
    """A development Vault that is running."""
    with DevelopmentVault() as running:
        yield running


@pytest.fixture
def house(devvault: DevelopmentVault) -> Iterator[House]:
    """A Vault with the services of the house, and a ledger in memory."""
    with open_house(devvault, "sqlite://") as opened:
        yield opened


@contextmanager
def in_memory(way: str, sealing: SealingSerializer) -> Generator[Engine]:
    """Keep checkpoints in memory."""
    saver = SealedSaver(InMemorySaver(), sealing)
    if way == "sync":
        yield SyncEngine(saver)
        return
    with asyncio.Runner() as loop:
        yield AsyncEngine(saver, loop)


@pytest.fixture(params=[f"{saver}-{way}" for saver in SAVERS for way in ("sync", "async")])
def engine(request: pytest.FixtureRequest, house: House, tmp_path: Path) -> Generator[Engine]:
    """Run graphs on each saver, sealed."""
    saver, way = str(request.param).split("-")
    with ExitStack() as opened:
        if saver == "memory":
            yield opened.enter_context(in_memory(way, house.sealing()))
            return
        url = f"sqlite:///{tmp_path / 'c.db'}"
        if saver == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgres_cluster")
            url = cluster.create_database()
        open_engine = open_sync_engine if way == "sync" else open_async_engine
        yield opened.enter_context(open_engine(url, house.sealing()))


def at(thread: str, **more: object) -> RunnableConfig:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": thread, **more}}


def ran(engine: Engine, app: App, given: object, config: RunnableConfig) -> dict[str, Any]:
    """Run a graph."""
    return engine.run(Run(app=app, given=given, config=config, who=CLERK))


def listed(
    engine: Engine,
    config: RunnableConfig | None,
    **options: Any,  # noqa: ANN401 - as `list` takes them
) -> list[CheckpointTuple]:
    """List checkpoints as the engine runs graphs."""
    if isinstance(engine, AsyncEngine):

        async def collect() -> list[CheckpointTuple]:
            return [each async for each in engine.checkpointer.alist(config, **options)]

        return engine.loop.run(collect())
    return list(engine.checkpointer.list(config, **options))


def test_a_thread_that_is_not_there_is_not_there(engine: Engine) -> None:
    """And looking for it makes no key."""
    app = graph().compile(checkpointer=engine.checkpointer)
    assert engine.state(app, at("nobody")).values == {}
    assert listed(engine, at("nobody", checkpoint_ns="")) == []
    assert listed(engine, at("nobody")) == []


def test_a_graph_runs_and_waits_as_it_does_unsealed(engine: Engine) -> None:
    """Values of every kind, a subgraph's interrupt, its history, and an update from outside."""
    app = graph().compile(checkpointer=engine.checkpointer)
    config = at("one")
    given = {"text": SECRET}
    assert ran(engine, app, given, config)["__interrupt__"][0].value == "may it?"
    assert engine.state(app, config).values == {
        "text": f"{SECRET}!",
        "count": 41,
        "done": True,
        "items": [SECRET, SECRET],
    }
    assert ran(engine, app, Command(resume="yes"), config)["answer"] == "yes"
    engine.update(app, config, {"count": 1}, "work")
    history = engine.history(app, config)
    assert [each.values.get("count") for each in history][:2] == [1, 41]
    assert history[-1].values == {}
    assert engine.state(app, history[1].config).values["answer"] == "yes"


def test_a_conversation_is_rebuilt_from_its_changes(engine: Engine, office: Office) -> None:
    """A channel that keeps its changes only comes back whole, also past a snapshot of it."""
    model = scripted(*(ask("transfer_to_a") if turn % 2 == 0 else "x" for turn in range(60)))
    app = create_supervisor([office.agent("a")], model=model).compile(
        checkpointer=engine.checkpointer
    )
    questions = [{"messages": [HumanMessage(f"help {turn}")]} for turn in range(30)]
    *_, found = [ran(engine, app, question, at("long")) for question in questions]
    assert len(found["messages"]) == 210
    messages = engine.state(app, at("long")).values["messages"]
    assert [message.text for message in messages] == [m.text for m in found["messages"]]
    assert isinstance(messages[-1], AIMessage)


def test_only_what_langgraph_needs_is_in_the_metadata(engine: Engine) -> None:
    """What callers put into a config is not."""
    app = graph().compile(checkpointer=engine.checkpointer)
    config = at("metadata", customer=SECRET, token="hvs.secret")
    ran(engine, app, {"text": "x"}, {**config, "metadata": {"note": SECRET, "run_id": "r1"}})
    rows = listed(engine, at("metadata"))
    assert rows
    for row in rows:
        assert {*row.metadata} <= {
            "source",
            "step",
            "parents",
            "run_id",
            "counters_since_delta_snapshot",
        }
    assert rows[0].metadata.get("run_id") == "r1"


def test_checkpoints_are_listed_whatever_is_known_of_their_place(engine: Engine) -> None:
    """By thread and namespace, by thread, and all; filtered, and so many."""
    app = graph().compile(checkpointer=engine.checkpointer)
    for thread in ("list-1", "list-2"):
        ran(engine, app, {"text": thread}, at(thread))
    placed = listed(engine, at("list-1", checkpoint_ns=""))
    threadwide = listed(engine, at("list-1"))
    every = listed(engine, None)
    assert 0 < len(placed) < len(threadwide) < len(every)
    assert {c.checkpoint["id"] for c in placed} < {c.checkpoint["id"] for c in threadwide}
    assert {c.checkpoint["channel_values"].get("text") for c in placed} == {
        "list-1!",
        "list-1",
        None,
    }
    for config in (at("list-1", checkpoint_ns=""), at("list-1"), None):
        inputs = listed(engine, config, filter={"source": "input"})
        assert {c.metadata.get("source") for c in inputs} == {"input"}
        assert len(listed(engine, config, limit=1)) == 1
        assert len(listed(engine, config, filter={"source": "input"}, limit=1)) == 1
    older = listed(engine, at("list-1", checkpoint_ns=""), before=placed[0].config)
    assert [c.checkpoint["id"] for c in older] == [c.checkpoint["id"] for c in placed[1:]]


def test_a_forgotten_thread_does_not_keep_the_others_from_being_listed(
    engine: Engine, house: House
) -> None:
    """It cannot be read itself, nor be written to again."""
    with engine_of_another_process(engine, house) as fresh:
        app = graph().compile(checkpointer=fresh.checkpointer)
        thread = f"forgotten-{id(engine)}"
        ran(fresh, app, {"text": "x"}, at(thread))
        ran(fresh, app, {"text": "x"}, at(f"kept-{id(engine)}"))
        house.keeper.forget(thread, "clerk")
    with engine_of_another_process(engine, house) as fresh:
        app = graph().compile(checkpointer=fresh.checkpointer)
        known = {place_of(row.config).thread for row in listed(fresh, None)}
        assert thread not in known
        assert f"kept-{id(engine)}" in known
        for use in (
            lambda: fresh.state(app, at(thread)),
            lambda: ran(fresh, app, {"text": "y"}, at(thread)),
        ):
            with pytest.raises(CheckpointError, match="was forgotten"):
                use()


@contextmanager
def engine_of_another_process(engine: Engine, house: House) -> Generator[Engine]:
    """Run graphs on the same saver, with keys to be fetched anew."""
    assert isinstance(engine.checkpointer, SealedSaver)
    saver = SealedSaver(engine.checkpointer.saver, house.sealing())
    if isinstance(engine, AsyncEngine):
        yield AsyncEngine(saver, engine.loop)
    else:
        yield SyncEngine(saver)


def test_a_thread_goes_on_in_another_process(engine: Engine, house: House) -> None:
    """It fetches one key for each thread, and then asks nobody."""
    app = graph().compile(checkpointer=engine.checkpointer)
    ran(engine, app, {"text": SECRET}, at("goes-on"))
    with engine_of_another_process(engine, house) as fresh:
        before = house.requests()
        other = graph().compile(checkpointer=fresh.checkpointer)
        assert fresh.state(other, at("goes-on")).values["count"] == 41
        fetched = house.requests() - before
        assert ran(fresh, other, Command(resume="yes"), at("goes-on"))["answer"] == "yes"
        assert (fetched, house.requests() - before) == (1, 1)


def test_a_sealed_vault_stops_new_threads_and_no_others(engine: Engine, house: House) -> None:
    """Nothing of a new one is kept in the clear."""
    app = graph().compile(checkpointer=engine.checkpointer)
    ran(engine, app, {"text": "x"}, at("begun"))
    rows = len(listed(engine, None))
    house.devvault.seal()
    try:
        assert ran(engine, app, Command(resume="yes"), at("begun"))["answer"] == "yes"
        with pytest.raises(VaultError, match="is sealed or not active: unseal it"):
            ran(engine, app, {"text": SECRET}, at("not-begun"))
    finally:
        house.devvault.unseal()
    assert len(listed(engine, None)) > rows
    assert listed(engine, at("not-begun")) == []


def test_a_thread_is_removed_and_not_copied(engine: Engine) -> None:
    """A copy would be rows that belong to another thread."""
    app = graph().compile(checkpointer=engine.checkpointer)
    ran(engine, app, {"text": "x"}, at("gone"))
    saver = engine.checkpointer
    with pytest.raises(CheckpointError, match="cannot be copied"):
        saver.copy_thread("gone", "elsewhere")
    if isinstance(engine, AsyncEngine):
        with pytest.raises(CheckpointError, match="cannot be copied"):
            engine.loop.run(saver.acopy_thread("gone", "elsewhere"))
        engine.loop.run(saver.adelete_thread("gone"))
    else:
        saver.delete_thread("gone")
    assert listed(engine, at("gone")) == []


def test_sealing_waits_for_nobody_on_an_event_loop(house: House) -> None:
    """While a key is fetched for one thread, the loop turns."""

    async def run() -> int:
        app = graph().compile(checkpointer=SealedSaver(InMemorySaver(), house.sealing()))
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        turning = asyncio.create_task(turn())
        house.devvault.faults.add(Fault(path="transit/datakey/*", delay=0.3))
        await app.ainvoke({"text": "x"}, at("slow"))
        turning.cancel()
        return turns

    assert asyncio.run(run()) > 10


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_nothing_blocks_an_event_loop(
    kind: str, house: House, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No key is fetched and no database asked there: LangGraph's own detector is on."""
    url = f"sqlite:///{tmp_path / 'c.db'}"
    if kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create_database()
    async with open_async_checkpointer(url, house.sealing()) as saver:
        app = graph().compile(checkpointer=saver)
        with blockbuster_ctx():
            await app.ainvoke({"text": SECRET}, at("loop"))
            assert (await app.ainvoke(Command(resume="yes"), at("loop")))["answer"] == "yes"
            assert [each async for each in app.aget_state_history(at("loop"))]
    async with open_async_checkpointer(url, house.sealing()) as saver:
        app = graph().compile(checkpointer=saver)
        with blockbuster_ctx():
            assert (await app.aget_state(at("loop"))).values["answer"] == "yes"


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
