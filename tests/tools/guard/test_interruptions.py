"""A tool that is stopped or cancelled: its call is in doubt, its lease ends."""

import asyncio
import threading
import traceback
from decimal import Decimal

import pytest
from tests.tools.guard.refunds import (
    SECRET,
    UNDECIDED,
    break_records,
    live,
    raises,
    refund,
    refund_tool,
)
from tests.waiting import wait_for

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.findings import Finding
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.effects.reconciliations import reconcile
from bailiwick.tools.guard import Guard
from bailiwick.tools.secrets.credentials import Credential


@pytest.mark.parametrize(
    "signal", [KeyboardInterrupt(), SystemExit()], ids=lambda s: type(s).__name__
)
def test_a_tool_that_is_stopped_is_in_doubt(
    vaulted: Guard, devvault: DevelopmentVault, signal: BaseException
) -> None:
    """The lease ends, the signal goes on, and the call is not run again."""
    tool = refund_tool(raises(signal))

    with pytest.raises(type(signal)):
        vaulted.run(refund(tool), tool)
    assert live(vaulted, devvault) == []
    assert UNDECIDED in str(vaulted.run(refund(tool), tool).content)


def test_what_stops_a_reconcile_shows_nothing(vaulted: Guard, devvault: DevelopmentVault) -> None:
    """It holds a credential as its tool does: the stop goes on without it, and its lease ends."""

    def find(credential: Credential) -> Finding:
        key = credential.reveal()
        raise KeyboardInterrupt(key)

    @scoped_tool(effect="destructive", credential="payments/refund", reconcile=find)
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund, and lose the answer."""
        raise OSError(f"{order_id} {amount} {credential}")

    vaulted.run(refund(issue_refund), issue_refund)
    (call,) = vaulted.calls.list()
    with pytest.raises(KeyboardInterrupt, match="redacted") as stop:
        reconcile(vaulted, call, issue_refund)

    shown = traceback.TracebackException.from_exception(stop.value, capture_locals=True)
    assert SECRET not in "".join(shown.format())
    assert stop.value.__context__ is None
    assert live(vaulted, devvault) == []


async def test_a_tool_that_is_cancelled_is_in_doubt(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """A client that goes away leaves no lease behind."""
    begun = asyncio.Event()

    @scoped_tool(effect="destructive", credential="payments/refund")
    async def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund, and take for ever."""
        begun.set()
        await asyncio.sleep(60)
        return f"{order_id} {amount} {credential}"

    task = asyncio.create_task(vaulted.arun(refund(issue_refund), issue_refund))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert live(vaulted, devvault) == []
    again = await vaulted.arun(refund(issue_refund), issue_refund)
    assert UNDECIDED in str(again.content)


async def cancelled(vaulted: Guard, tool: ScopedTool, begun: threading.Event) -> None:
    """Run a refund and cancel it as soon as its tool has begun."""
    task = asyncio.create_task(vaulted.arun(refund(tool), tool))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_tool_in_a_thread_loses_its_credential_when_cancelled(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """The thread goes on, as threads do, with what is worth nothing any more; its end is known."""
    begun, go_on = threading.Event(), threading.Event()
    found: list[str] = []

    def wait(credential: Credential) -> None:
        begun.set()
        go_on.wait(5)
        try:
            found.append(credential.reveal())
        except ScopeError as error:
            found.append(str(error))

    tool = refund_tool(wait)
    await cancelled(vaulted, tool, begun)
    go_on.set()
    await asyncio.to_thread(wait_for, lambda: vaulted.calls.list()[0].state == "succeeded")

    assert "ended with its call" in found[0]
    assert live(vaulted, devvault) == []
    assert (await vaulted.arun(refund(tool), tool)).outcome == "succeeded"
    assert len(found) == 1


async def test_a_tool_in_a_thread_that_fails_when_cancelled_is_in_doubt(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """What it raises without its credential says nothing about what it did before."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(credential: Credential) -> None:
        begun.set()
        go_on.wait(5)
        credential.reveal()

    tool = refund_tool(wait)
    await cancelled(vaulted, tool, begun)
    go_on.set()
    await asyncio.to_thread(wait_for, lambda: vaulted.calls.list()[0].state == "in_doubt")

    assert UNDECIDED in str((await vaulted.arun(refund(tool), tool)).content)
    assert live(vaulted, devvault) == []


async def test_what_nobody_could_record_of_a_cancelled_tool_is_told(
    vaulted: Guard, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its thread goes on when nobody waits for it, and the ledger may fail then."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Credential) -> None:
        begun.set()
        go_on.wait(5)

    break_records(sqlite_url, "call.ended")
    await cancelled(vaulted, refund_tool(wait), begun)
    go_on.set()
    await asyncio.to_thread(wait_for, lambda: "had left to do failed (LedgerError)" in caplog.text)


async def test_a_call_that_is_cancelled_while_it_leases_keeps_nothing(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """However often it is cancelled, the answer of Vault is waited for and given back."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    devvault.faults.add(Fault(path="secret/data/payments/refund", delay=0.2))
    task = asyncio.create_task(vaulted.arun(refund(tool), tool))
    await asyncio.to_thread(wait_for, lambda: devvault.live_tokens(role="bailiwick-issue_refund"))
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert used == []
    assert live(vaulted, devvault) == []
