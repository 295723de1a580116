"""Checkpoints in sealed savers: the same graphs on each saver, and nothing in the clear."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.types import Command
from tests.graphs.checkpoints.graph import SECRET, at, graph
from tests.graphs.fakes import Office, ask, scripted
from tests.sealed import House
from tests.stories.engines import (
    App,
    AsyncEngine,
    Engine,
    Run,
    SyncEngine,
)

from bailiwick.graphs import create_supervisor
from bailiwick.graphs.checkpoints.sealed_rows import place_of
from bailiwick.graphs.checkpoints.sealed_saver import SealedSaver
from bailiwick.policies.errors import CheckpointError, VaultError
from bailiwick.policies.principals import Principal

CLERK = Principal(id="clerk")


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
