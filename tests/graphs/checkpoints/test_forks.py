"""Checkpoints that were opened before a process was forked."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, sys
from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer
from bailiwick.policies.errors import SettingsError

url, way = sys.argv[1:]
config = {"configurable": {"thread_id": "t"}}

def told(error):
    return "refused" if "before this process was forked" in str(error) else str(error)

def sync():
    with open_checkpointer(url) as saver:
        saver.get_tuple(config)
        if child := os.fork():
            print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            print("parent", saver.get_tuple(config))
            return
        try:
            saver.get_tuple(config)
        except SettingsError as error:
            print(told(error), flush=True)
        raise SystemExit(7)

async def on_a_loop():
    async with open_async_checkpointer(url) as saver:
        await saver.aget_tuple(config)
        if child := os.fork():
            print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            print("parent", await saver.aget_tuple(config))
            return
        try:
            await saver.aget_tuple(config)
        except SettingsError as error:
            print(told(error), flush=True)
        os._exit(7)

sync() if way == "sync" else asyncio.run(on_a_loop())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_fork_uses_none_of_its_parent_s(database_url: str, way: str) -> None:
    """It would read another's answers, or wait for a thread that it does not have."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, database_url, way],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.stdout, run.stderr) == ("refused\nchild 7\nparent None\n", "")
