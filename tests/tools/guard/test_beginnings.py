"""A call that is stopped before its tool begins is over; one whose tool has begun is in doubt."""

import asyncio
import ctypes
import gc
import threading
import time
from asyncio import CancelledError
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from tests.tools.governed import call_of, pay_tool
from tests.tools.guard.refunds import break_records, kinds, live, refund, refund_tool
from tests.waiting import wait_for

from bailiwick.tools.beginnings import Beginning, begins
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.threads import MOST

CANCELLED = "did not run. It was cancelled before it began, so nothing happened."


def delay_lease(devvault: DevelopmentVault) -> Fault:
    """Let the next call wait for what it reads with its token."""
    delay = Fault(path="secret/data/payments/refund", delay=0.2)
    devvault.faults.add(delay)
    return delay


def wait_for_lease(delay: Fault) -> None:
    """Wait until a call has its token, has asked for what it reads with it, and waits."""
    while delay.times:
        time.sleep(0.01)


def test_without_a_call_anything_may_begin() -> None:
    """Tools are also tried alone."""
    begins()


def test_a_tool_begins_or_is_kept_from_it() -> None:
    """Whichever comes first holds, also against a thread that gets its turn too late."""
    first, second = Beginning(), Beginning()

    with first.awaited():
        begins()
    assert not first.prevent()

    assert second.prevent()
    with second.awaited(), pytest.raises(CancelledError):
        begins()
    assert second.prevent()


async def test_cancelled_while_it_leases(
    vaulted: Guard, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Its intent stands, its tool never ran: it has failed, whoever executes it again."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    delay = delay_lease(devvault)
    task = asyncio.create_task(vaulted.arun(refund(tool), tool))
    await asyncio.to_thread(wait_for_lease, delay)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    (call,) = vaulted.calls.list()
    assert (call.state, call.content) == ("failed", f"issue_refund {CANCELLED}")
    assert (await vaulted.arun(refund(tool), tool)).content == call.content
    assert (used, live(vaulted, devvault)) == ([], [])
    assert kinds(ledger)[:4] == ["decision", "call.started", "lease.granted", "call.ended"]


def test_interrupted_while_it_leases(vaulted: Guard, devvault: DevelopmentVault) -> None:
    """Ctrl-C at the right moment is no reason to ask people what came of it."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    delay = delay_lease(devvault)
    me = threading.get_ident()

    def interrupt() -> None:
        wait_for_lease(delay)
        # As a signal's handler raises it, in whichever thread a test is run.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(me), ctypes.py_object(KeyboardInterrupt)
        )

    with ThreadPoolExecutor(1) as pool:
        pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            vaulted.run(refund(tool), tool)

    assert [call.state for call in vaulted.calls.list()] == ["failed"]
    assert used == []


async def test_cancelled_while_it_waits_for_a_thread(
    guard: Guard, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """A call that has no thread yet is over at once and never begins: nothing failed."""
    ran: list[tuple[str, Decimal]] = []
    tool, go_on = pay_tool(ran), threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    before = loop.run_in_executor(None, go_on.wait)
    task = asyncio.create_task(guard.arun(call_of(tool, {"to": "shop", "amount": 1}), tool))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    was_over = task.done()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert was_over
    await before
    del task
    await asyncio.sleep(0)
    gc.collect()
    assert (ran, guard.calls.list(), kinds(ledger), caplog.text) == ([], (), [], "")


async def test_a_slow_vault_holds_up_no_call_without_a_credential(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """However many calls wait for it, on an event loop."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    async def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund."""
        return f"{order_id} {amount} {credential}"

    @scoped_tool(effect="read")
    async def look() -> str:
        """Look, at what needs no credential."""
        return "seen"

    devvault.faults.add(Fault(path="auth/token/create/*", times=MOST, delay=1))
    calls = [refund(issue_refund, thread=f"t{number}") for number in range(MOST)]
    waiting = asyncio.gather(*(vaulted.arun(call, issue_refund) for call in calls))
    await asyncio.to_thread(wait_for, lambda: len(vaulted.calls.under_way()) == MOST)

    assert (await vaulted.arun(call_of(look, {}, thread="other"), look)).content == "seen"
    assert not waiting.done()
    assert {result.outcome for result in await waiting} == {"succeeded"}


async def test_the_ledger_fails_as_it_is_cancelled(
    vaulted: Guard, devvault: DevelopmentVault, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cancelled all the same, is in doubt as far as anybody can read, and never runs."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    delay = delay_lease(devvault)
    break_records(sqlite_url, "call.ended")
    task = asyncio.create_task(vaulted.arun(refund(tool), tool))
    await asyncio.to_thread(wait_for_lease, delay)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert [call.state for call in vaulted.calls.list()] == ["under_way"]
    assert "did not begin, which nobody wrote down" in caplog.text
    assert (used, live(vaulted, devvault)) == ([], [])
