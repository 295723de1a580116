"""Sealing on an event loop: it turns, and nothing blocks it."""

import asyncio

from blockbuster import blockbuster_ctx
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from tests.graphs.checkpoints.graph import SECRET, at, graph
from tests.sealed import House

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer
from bailiwick.graphs.checkpoints.sealed_saver import SealedSaver
from bailiwick.tools.devvault.faults import Fault


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


async def test_nothing_blocks_an_event_loop(database_url: str, house: House) -> None:
    """No key is fetched and no database asked there: LangGraph's own detector is on."""
    async with open_async_checkpointer(database_url, house.sealing()) as saver:
        app = graph().compile(checkpointer=saver)
        with blockbuster_ctx():
            await app.ainvoke({"text": SECRET}, at("loop"))
            assert (await app.ainvoke(Command(resume="yes"), at("loop")))["answer"] == "yes"
            assert [each async for each in app.aget_state_history(at("loop"))]
    async with open_async_checkpointer(database_url, house.sealing()) as saver:
        app = graph().compile(checkpointer=saver)
        with blockbuster_ctx():
            assert (await app.aget_state(at("loop"))).values["answer"] == "yes"
