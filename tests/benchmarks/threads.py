"""Measures how a thread grows: what a thousand turns store, and what the last of them costs."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import HumanMessage
from tests.benchmarks.models import InstantModel, RoutingModel
from tests.benchmarks.tasks import Graph

from bailiwick.agents import create_specialist
from bailiwick.graphs import create_supervisor
from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer

TURNS, HUNDREDTH, TIMED = 1000, 100, 20


def run() -> None:
    """Print bytes and times of a long thread, with and without a hand-off in each turn."""
    print(f"A thread of {TURNS} turns on SQLite")
    print("| each turn | stored | a turn at the hundredth | at the last | ratio |")
    print("|---|---|---|---|---|")
    for name, build in {"answers": direct, "hands over once": _handing}.items():
        print(f"| {name} | {_row(build)} |", flush=True)


def direct() -> Graph:
    """Return a supervisor that answers itself."""
    return create_supervisor([], model=InstantModel())


def _handing() -> Graph:
    agent = create_specialist("a", model=InstantModel())
    return create_supervisor([agent], model=RoutingModel(agents=("a",)))


def _row(build: Callable[[], Graph]) -> str:
    with TemporaryDirectory(prefix="bailiwick-") as made:
        young, old = Path(made) / "young.db", Path(made) / "old.db"
        with (
            open_checkpointer(f"sqlite:///{young}") as few,
            open_checkpointer(f"sqlite:///{old}") as many,
        ):
            early = build().compile(checkpointer=few)
            late = build().compile(checkpointer=many)
            turns(early, HUNDREDTH - TIMED // 2)
            turns(late, TURNS - TIMED // 2)
            pairs = [(_timed(early), _timed(late)) for _ in range(TIMED)]
        stored = sum(path.stat().st_size for path in Path(made).glob("old.db*"))
    first, last = (median(each) * 1000 for each in zip(*pairs, strict=True))
    ratio = median(late / early for early, late in pairs)
    return f"{stored / 1e6:.1f} MB | {first:.1f} ms | {last:.1f} ms | {ratio:.2f}"


def turns(app: Any, number: int) -> None:  # noqa: ANN401 - a compiled graph of any schema
    """Run so many turns of one thread."""
    for turn in range(number):
        question = HumanMessage(f"This is a question of usual length, number {turn}.")
        app.invoke({"messages": [question]}, {"configurable": {"thread_id": "one"}})


def _timed(app: Any) -> float:  # noqa: ANN401 - as above
    gc.collect()
    started = time.perf_counter()
    turns(app, 1)
    return time.perf_counter() - started
