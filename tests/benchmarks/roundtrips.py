"""Measures an approval's round trip against LangChain's `HumanInTheLoopMiddleware`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, Interrupt
from tests.benchmarks.measuring import Timing, ameasure, measure
from tests.benchmarks.postgres import postgres
from tests.benchmarks.questions import (
    CUSTOMER,
    MANAGER,
    App,
    batched,
    bound,
    ours,
    per_call,
    theirs,
)
from tests.benchmarks.savers import async_saver_at, saver_at

from bailiwick.tools.people.principals import acting_as

ROUNDS = 40
REQUEST = {"messages": [HumanMessage("Please refund 5.00 of order A-1002.")]}
MESSAGES = 4

Answer = Callable[[Interrupt], Command[Any]]
Variants = dict[str, tuple[App, Answer]]


def run() -> None:
    """Print how long the round trip takes with each checkpointer, and the ratios."""
    print("An approval's round trip (ask, record, answer, resume, use up, run), wall time:")
    print("HumanInTheLoopMiddleware in ms, its interrupts for each call and ours as its share")
    print("| checkpoints and ledger | | middleware | for each call | ours |")
    print("|---|---|---|---|---|")
    with postgres() as url, TemporaryDirectory(prefix="bailiwick-") as made:
        folder = Path(made)
        places = {"memory": "", "SQLite": f"sqlite:///{folder}/WAY.db", "PostgreSQL": url}
        for name, place in places.items():
            if place is None:
                print(f"| {name} | | no server programs were found | | |")
                continue
            print(_row(name, "sync", _sync(place, folder)), flush=True)
            print(_row(name, "async", asyncio.run(_async(place, folder))), flush=True)


def _row(name: str, mode: str, timings: dict[str, Timing]) -> str:
    first, *others = timings.values()
    shares = " | ".join(f"{timing.ratio:.2f}" for timing in others)
    return f"| {name} | {mode} | {first.milliseconds:.1f} | {shares} |"


def _sync(place: str, folder: Path) -> dict[str, Timing]:
    with saver_at(place.replace("WAY", "sync")) as saver, ExitStack() as opened:
        variants = _variants(saver, place, folder, opened)
        return measure({name: _task(*each) for name, each in variants.items()}, rounds=ROUNDS)


async def _async(place: str, folder: Path) -> dict[str, Timing]:
    async with async_saver_at(place.replace("WAY", "async")) as saver:
        with ExitStack() as opened:
            variants = _variants(saver, place, folder, opened)
            tasks = {name: _atask(*each) for name, each in variants.items()}
            return await ameasure(tasks, rounds=ROUNDS)


def _variants(saver: Any, place: str, folder: Path, opened: ExitStack) -> Variants:  # noqa: ANN401 - any checkpointer
    ledger = place.replace("WAY", "ledger") or "sqlite://"
    return {
        "batched": (theirs(saver, "batched"), batched),
        "per call": (theirs(saver, "per_call"), per_call),
        "ours": (opened.enter_context(ours(saver, ledger, folder)), bound),
    }


def _task(app: App, answer: Answer) -> Callable[[str], None]:
    def task(thread: str) -> None:
        config: RunnableConfig = {"configurable": {"thread_id": f"sync {thread}"}}
        with acting_as(CUSTOMER):
            (interrupt,) = app.invoke(REQUEST, config)["__interrupt__"]
        with acting_as(MANAGER):
            done = app.invoke(answer(interrupt), config)
        assert len(done["messages"]) == MESSAGES

    return task


def _atask(app: App, answer: Answer) -> Callable[[str], Awaitable[None]]:
    async def task(thread: str) -> None:
        config: RunnableConfig = {"configurable": {"thread_id": f"async {thread}"}}
        with acting_as(CUSTOMER):
            (interrupt,) = (await app.ainvoke(REQUEST, config))["__interrupt__"]
        with acting_as(MANAGER):
            done = await app.ainvoke(answer(interrupt), config)
        assert len(done["messages"]) == MESSAGES

    return task
