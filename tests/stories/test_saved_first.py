"""Promise 4: nothing is changed unasked before it is saved that the model wanted it.

LangGraph saves checkpoints behind the run. A worker that dies before would leave a thread in which
the model has wanted nothing yet; called anew, it wants the same as another call.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langchain_core.messages import HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.types import Durability
from tests.stories.databases import Place
from tests.stories.desk import Desk, Thread
from tests.stories.gates import GatedGround, Stop
from tests.stories.ground import Ground
from tests.stories.kills import KILLED, PATIENCE, REQUEST, Carriers
from tests.stories.leasing import UNKNOWN
from tests.stories.people import CUSTOMER
from tests.stories.rules import WHOLE_GATE, changed_policy

from bailiwick.agents.state import AgentState
from bailiwick.policies import Policy

ASKED = {"messages": [HumanMessage(REQUEST)]}
LONG = 1.5
"""Seconds in which a refund is made many times over."""


class Lock:
    """Keep everybody from writing checkpoints, from when it is taken until it is closed."""

    def __init__(self, place: Place) -> None:
        self._connection: Any
        if place.kind == "sqlite":
            path = place.checkpoints.removeprefix("sqlite:///")
            self._connection = sqlite3.connect(path, check_same_thread=False)
            self._statement = "BEGIN IMMEDIATE"
        else:
            self._connection = psycopg.connect(place.checkpoints)
            self._statement = "LOCK TABLE checkpoints IN EXCLUSIVE MODE"

    def take(self) -> None:
        """Begin."""
        self._connection.execute(self._statement)

    def close(self) -> None:
        """End."""
        self._connection.close()


@pytest.fixture(scope="module")
def ground(gated: GatedGround) -> Ground:
    """Stand on the gated ground."""
    return gated.ground


@pytest.fixture
def ungated(tmp_path: Path) -> Policy:
    """Give rules by which nobody is asked about a refund."""
    return changed_policy(tmp_path, (WHOLE_GATE, ""))


@contextmanager
def under_way(thread: Thread) -> Generator[None]:
    """Have a thread asked for a refund, and wait for its end."""
    running = threading.Thread(target=thread.run, args=(ASKED,))
    running.start()
    try:
        yield
    finally:
        running.join()


def test_a_refund_waits_for_the_checkpoints(desk: Desk, place: Place, ungated: Policy) -> None:
    """It is made once they can be written, and not a moment before."""
    thread, lock = desk.billing(ungated), Lock(place)
    lock.take()
    with under_way(thread), closing(lock):
        time.sleep(LONG)
        assert desk.refunded == []

    assert desk.refunded == [500]
    assert thread.is_done()


@pytest.mark.usefixtures("ungated")
def test_a_worker_dies_before_a_checkpoint_is_written(carriers: Carriers, tmp_path: Path) -> None:
    """Whoever goes on knows of its refund, and makes no other."""
    desk, thread = carriers.desk, carriers.desk.thread()
    job = replace(carriers, policy=str(tmp_path)).job(thread, from_the_request=True)
    with carriers.gates.shop.striking(Stop(path="/refunds", when="after")) as stop:
        (worker,) = carriers.nursery.start(replace(job, late="billing"))
        assert stop.reached.wait(PATIENCE)
        os.kill(worker, signal.SIGKILL)
        (ending,) = carriers.nursery.end()
    assert ending.status == KILLED

    (ending,) = carriers.nursery.work(job)
    assert ending.status == 0
    assert desk.refunded == [100]
    assert UNKNOWN in thread.said()
    assert thread.is_done()


def test_what_is_never_saved_is_never_run(
    desk: Desk, ungated: Policy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent that keeps no checkpoints of its own begins anew after a crash."""
    monkeypatch.setattr("bailiwick.tools.saved.PATIENCE", 0.2)
    agent = desk.billing(ungated).app.builder.compile(name="billing", checkpointer=False)
    graph = StateGraph(AgentState).add_node("billing", agent).add_edge(START, "billing")
    thread = desk.thread(graph.compile(checkpointer=desk.engine.checkpointer))
    thread.run(ASKED)

    assert desk.refunded == []
    assert "could not be saved" in thread.results()[0]
    assert "checkpointer=False" in caplog.text


@pytest.mark.parametrize(("durability", "refunded"), [("exit", []), ("sync", [500])])
def test_a_run_that_saves_at_its_end(
    desk: Desk, ungated: Policy, durability: Durability, refunded: list[int]
) -> None:
    """Saves too late; one that saves each step is just in time."""
    thread = desk.billing(ungated)
    thread.desk.engine.run(replace(thread.as_run(ASKED, CUSTOMER), durability=durability))

    assert desk.refunded == refunded
    assert thread.is_done()
