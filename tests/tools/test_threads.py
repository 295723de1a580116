"""What blocks is done to its end in a thread, and its failure behind a cancelled run is told."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.threads import to_its_end


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
