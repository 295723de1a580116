"""Measures a supervised task against langgraph-supervisor."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.measuring import Timing, ameasure, measure
from tests.benchmarks.postgres import postgres
from tests.benchmarks.savers import async_saver_at, saver_at
from tests.benchmarks.tasks import (
    MESSAGES,
    Graph,
    governed,
    request,
    theirs,
    with_prebuilt_agents,
    with_specialists,
)

ROUNDS = 40
COLUMNS = ("langgraph-supervisor", "same agents", "own agents", "governed")


def run() -> None:
    """Print how long the task takes with each checkpointer, and the ratios."""
    print("A task with two hand-offs, wall time: langgraph-supervisor in ms, ours as its share")
    print(f"| checkpoints | | {' | '.join(COLUMNS)} |")
    print("|---|---|---|---|---|---|")
    with postgres() as url, TemporaryDirectory(prefix="bailiwick-") as folder, governed() as strict:
        made = (theirs(), with_prebuilt_agents(), with_specialists(), strict)
        graphs: dict[str, Graph] = dict(zip(COLUMNS, made, strict=True))
        places = {"none": None, "memory": "", "SQLite": f"sqlite:///{Path(folder) / 'sync.db'}"}
        for name, place in {**places, "PostgreSQL": url}.items():
            if name == "PostgreSQL" and url is None:
                print("| PostgreSQL | | no server programs were found | | | |")
                continue
            print(_row(name, "sync", _sync(graphs, place)), flush=True)
            asynchronous = place.replace("sync.db", "async.db") if place else place
            print(_row(name, "async", asyncio.run(_async(graphs, asynchronous))), flush=True)


def _row(name: str, mode: str, timings: dict[str, Timing]) -> str:
    first, *others = timings.values()
    shares = " | ".join(f"{timing.ratio:.2f}" for timing in others)
    return f"| {name} | {mode} | {first.milliseconds:.1f} | {shares} |"


def _sync(graphs: dict[str, Graph], place: str | None) -> dict[str, Timing]:
    with saver_at(place) as saver:
        tasks = {name: _task(graph.compile(checkpointer=saver)) for name, graph in graphs.items()}
        return measure(tasks, rounds=ROUNDS)


async def _async(graphs: dict[str, Graph], place: str | None) -> dict[str, Timing]:
    async with async_saver_at(place) as saver:
        tasks = {name: _atask(graph.compile(checkpointer=saver)) for name, graph in graphs.items()}
        return await ameasure(tasks, rounds=ROUNDS)


def _task(app: Any) -> Callable[[str], None]:  # noqa: ANN401 - a compiled graph of any schema
    def task(thread: str) -> None:
        done = app.invoke(*request(f"sync-{thread}"))
        assert len(done["messages"]) == MESSAGES

    return task


def _atask(app: Any) -> Callable[[str], Awaitable[None]]:  # noqa: ANN401 - as above
    async def task(thread: str) -> None:
        done = await app.ainvoke(*request(f"async-{thread}"))
        assert len(done["messages"]) == MESSAGES

    return task
