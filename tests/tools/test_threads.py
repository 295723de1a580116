"""What blocks is done to its end in a thread, and its failure behind a cancelled run is told."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
from langgraph.errors import GraphInterrupt

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.threads import MOST, among_tools, to_its_end, unless_cancelled


def fails(error: BaseException) -> NoReturn:
    """Raise an error from an expression."""
    raise error


async def cancelled(work: Callable[[], object]) -> None:
    """Cancel work while it waits for its end."""
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> object:
        begun.set()
        go_on.wait(5)
        return work()

    task = asyncio.create_task(to_its_end(wait))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    await asyncio.sleep(0)
    gc.collect()


async def test_what_fails_is_raised_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever waits for it hears of it."""
    with pytest.raises(LedgerError, match="full"):
        await to_its_end(lambda: fails(LedgerError("full")))

    assert caplog.records == []


async def test_cancelled_work_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """It ends before its caller does, and nothing is told of what went well."""
    done: list[int] = []

    await cancelled(lambda: done.append(1))

    assert (done, caplog.records) == ([1], [])


async def test_what_fails_behind_a_cancelled_run_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """In one line: no stack trace of a future that nobody asked for its exception."""
    await cancelled(lambda: fails(LedgerError("full")))

    assert [record.getMessage() for record in caplog.records] == [
        "what a cancelled run had left to do failed (LedgerError): full"
    ]


async def test_that_cancelled_work_was_stopped_is_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is what was asked for."""
    await cancelled(lambda: fails(asyncio.CancelledError()))

    assert caplog.records == []


async def test_what_is_asked_to_stop_behind_a_cancelled_run_is_told_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A question that comes too late is no failure."""
    await cancelled(lambda: fails(GraphInterrupt()))

    assert caplog.records == []


async def test_slow_tools_hold_up_nothing_else() -> None:
    """However many threads of asyncio's they take."""
    loop, go_on = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    slow = among_tools(go_on.wait).future
    try:
        assert await asyncio.wait_for(to_its_end(lambda: "done"), 5) == "done"
        assert not slow.done()
    finally:
        go_on.set()
        await slow


async def test_what_waits_for_vault_holds_up_nothing_else() -> None:
    """However much of it there is: leases, keys and what is short have threads of their own."""
    go_on = threading.Event()
    slow = asyncio.gather(*(unless_cancelled(go_on.wait, "leases") for _ in range(2 * MOST)))
    try:
        assert await asyncio.wait_for(to_its_end(lambda: "done"), 5) == "done"
        assert await asyncio.wait_for(unless_cancelled(lambda: "done", "keys"), 5) == "done"
        assert not slow.done()
    finally:
        go_on.set()
        await slow


async def test_what_is_cancelled_before_it_begins_is_dropped() -> None:
    """At once, and for good; what has begun is waited for, and what must be done is done."""
    go_on, done, begun = threading.Event(), list[str](), threading.Barrier(MOST + 1, timeout=5)
    slow = [
        asyncio.create_task(unless_cancelled(lambda: (begun.wait(), go_on.wait())))
        for _ in range(MOST)
    ]
    await asyncio.to_thread(begun.wait)
    queued = asyncio.create_task(unless_cancelled(lambda: done.append("queued")))
    needed = asyncio.create_task(to_its_end(lambda: done.append("needed")))
    await asyncio.sleep(0)
    tasks: list[asyncio.Task[Any]] = [*slow, queued, needed]
    for task in tasks:
        task.cancel()
    over, _ = await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)
    go_on.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert over == {queued}
    assert done == ["needed"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_fork_has_threads_of_its_own() -> None:
    """A server may load the application once and fork its workers from that."""
    program = (
        "import asyncio, os\n"
        "from bailiwick.tools.threads import among_tools, to_its_end\n"
        "asyncio.run(to_its_end(lambda: None))\n"
        "if child := os.fork():\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "asyncio.run(asyncio.wait_for(to_its_end(lambda: None), 5))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, timeout=30)

    assert ended.returncode == 0
