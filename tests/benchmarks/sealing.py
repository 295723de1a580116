"""Measures what sealing costs: a checkpoint in the process, and a supervised task."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.measuring import measure
from tests.benchmarks.tasks import MESSAGES, Graph, request, with_specialists
from tests.benchmarks.threads import TURNS, direct, turns
from tests.sealed import House, open_house

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.checkpoints.sealing import Place, SealingSerializer
from bailiwick.graphs.checkpoints.serializer import CompactSerializer
from bailiwick.tools.devvault import DevelopmentVault

SIZE, REPEATED, ROUNDS = 10_000, 2_000, 15
HERE = Place("one", "")


def run() -> None:
    """Print microseconds for one value, the ratio of a task, and the size of a long thread."""
    with (
        TemporaryDirectory(prefix="bailiwick-") as made,
        DevelopmentVault() as devvault,
        open_house(devvault, f"sqlite:///{Path(made) / 'ledger.db'}") as house,
    ):
        _values(house)
        print()
        _tasks(house, Path(made))
        print()
        _thread(house, Path(made))


def _values(house: House) -> None:
    sealing = house.sealing()
    sealing.keys.prepare(HERE.thread, sealing=True)
    bound, plain = sealing.at(HERE), CompactSerializer()
    print(f"A value of {SIZE // 1000} KB, median in the process")
    print("| what | written unsealed | sealed | opened |")
    print("|---|---|---|---|")
    words = " ".join(f"word {number}" for number in range(SIZE // 10))
    for name, value in {"bytes": os.urandom(SIZE), "a message's text": [words]}.items():
        sealed = bound.dumps_typed(value)
        took = [
            _took(partial(plain.dumps_typed, value)),
            _took(partial(bound.dumps_typed, value)),
            _took(partial(bound.loads_typed, sealed)),
        ]
        print(f"| {name} | {' | '.join(f'{each:.4f} ms' for each in took)} |")


def _took(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(REPEATED):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times) * 1000


def _tasks(house: House, folder: Path) -> None:
    print("A task with two hand-offs on SQLite, each in a new thread")
    print("| checkpoints | time | ratio |")
    print("|---|---|---|")
    ways = {
        "in the clear": None,
        "sealed, one key for all": house.sealing(shared=True),
        "sealed, a new key for each": house.sealing(),
    }
    with ExitStack() as opened:
        tasks = {
            name: _task(opened, folder / f"{number}.db", sealing)
            for number, (name, sealing) in enumerate(ways.items())
        }
        for name, timing in measure(tasks, rounds=ROUNDS).items():
            print(f"| {name} | {timing.milliseconds:.1f} ms | {timing.ratio:.2f} |")


def _task(
    opened: ExitStack, path: Path, sealing: SealingSerializer | None
) -> Callable[[str], None]:
    saver = opened.enter_context(open_checkpointer(f"sqlite:///{path}", sealing))
    graph: Graph = with_specialists()
    app: Any = graph.compile(checkpointer=saver)

    def task(thread: str) -> None:
        done = app.invoke(*request(thread))
        assert len(done["messages"]) == MESSAGES

    return task


def _thread(house: House, folder: Path) -> None:
    with open_checkpointer(f"sqlite:///{folder / 'long.db'}", house.sealing()) as saver:
        turns(direct().compile(checkpointer=saver), TURNS)
    stored = sum(path.stat().st_size for path in folder.glob("long.db*"))
    print(f"A sealed thread of {TURNS} turns stores {stored / 1e6:.1f} MB.")
