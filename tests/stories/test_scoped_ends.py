"""Promise 3: whatever ends a call ends its credential, and what Vault did not confirm is told."""

import asyncio
import signal
import threading
import time
from typing import NoReturn

import pytest
from langchain_core.messages import HumanMessage
from langgraph.types import Command
from tests.stories.answers import decision
from tests.stories.desk import Desk
from tests.stories.ground import Ground
from tests.stories.leasing import (
    REFUND_SCOPE,
    UNKNOWN,
    at_vault,
    billing,
    cancel,
    connected,
    operators_log,
    over,
    refunds,
    refunds_on_a_loop,
)
from tests.stories.outages import REFUND_SECRET
from tests.stories.people import MANAGER, ORDER, REQUEST
from tests.waiting import wait_for

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.devvault import Fault
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.vault import Vault

ON_AN_EVENT_LOOP = pytest.mark.parametrize(
    "way", ["sqlite-async", "postgresql-async"], indirect=True, scope="module"
)
WITHOUT_AN_EVENT_LOOP = pytest.mark.parametrize(
    "way", ["sqlite-sync", "postgresql-sync"], indirect=True, scope="module"
)


def test_a_credential_kept_after_its_call(desk: Desk) -> None:
    """A tool that keeps its credential holds an empty shell, and so does the lease."""
    kept: list[Credential] = []

    def keep(credential: Credential) -> str:
        kept.append(credential)
        return f"It has {len(credential.reveal())} characters."

    thread = billing(desk, refunds(keep))
    thread.answer(thread.ask())

    with pytest.raises(ScopeError, match="ended with its call: lease it again"):
        kept[0].reveal()
    assert kept[0].values() == ()


def test_nothing_is_live_after_a_run(desk: Desk) -> None:
    """Each of the three tools has given back what it was leased."""
    thread = desk.thread()
    thread.answer(thread.ask())

    assert desk.refunded == [500]
    assert len(thread.records("lease.granted")) == 3
    assert [each.body["failure"] for each in thread.ended()] == [None] * 3
    assert desk.live_children() == []


def test_a_tool_that_raises(desk: Desk) -> None:
    """Its credential is revoked, and its error is its result."""

    def fail(_: Credential) -> NoReturn:
        assert desk.live_now() == ["bailiwick-issue_refund"]
        raise OSError("no way")

    thread = billing(desk, refunds(fail))
    thread.answer(thread.ask())

    assert f"broke off (OSError: no way): {UNKNOWN}" in thread.results()[0]
    assert desk.live_children() == []


@WITHOUT_AN_EVENT_LOOP
def test_a_keyboard_interrupt_in_a_tool(desk: Desk) -> None:
    """What ends the program ends the lease first; the call is in doubt and not made again."""

    def interrupt_run(_: Credential) -> NoReturn:
        raise KeyboardInterrupt

    thread = billing(desk, refunds(interrupt_run))
    interrupt = thread.ask()
    with pytest.raises(KeyboardInterrupt):
        thread.answer(interrupt)

    assert desk.live_children() == []
    assert [each.body["failure"] for each in thread.ended()] == [None]
    thread.run(None)
    assert thread.is_done()
    assert UNKNOWN in thread.results()[0]


def test_a_person_presses_ctrl_c_while_a_tool_runs(desk: Desk) -> None:
    """The run ends, however it is run, and so does the lease; the tool does not run again."""
    runs: list[str] = []

    def press_ctrl_c(credential: Credential) -> str:
        runs.append(repr(credential))
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.1)
        return "Refunded."

    thread = billing(desk, refunds(press_ctrl_c))
    interrupt = thread.ask()
    with pytest.raises(KeyboardInterrupt):
        thread.answer(interrupt)

    assert thread.ended()
    assert desk.live_children() == []
    thread.run(None)
    assert thread.is_done()
    assert len(runs) == 1


@ON_AN_EVENT_LOOP
def test_a_run_is_cancelled_in_the_middle_of_its_tool(desk: Desk) -> None:
    """When the cancelled run has ended, so has its lease; the call is in doubt."""
    started = threading.Event()

    async def wait(_: Credential) -> str:
        started.set()
        await asyncio.sleep(60)
        return "never"

    thread = billing(desk, refunds_on_a_loop(wait))
    cancel(thread, started)

    assert desk.live_children() == []
    assert [each.body["failure"] for each in thread.ended()] == [None]
    thread.run(None, MANAGER)
    assert thread.is_done()
    assert UNKNOWN in thread.results()[0]


@ON_AN_EVENT_LOOP
def test_a_run_is_cancelled_while_a_thread_refunds(desk: Desk) -> None:
    """A thread cannot be stopped: it loses its lease, what it did is known and not done twice."""
    started, resumed = threading.Event(), threading.Event()

    def pay(credential: Credential) -> str:
        headers = {"Authorization": f"Bearer {credential.reveal()}"}
        started.set()
        resumed.wait(60)
        body = {"order_id": ORDER, "amount": "5.00"}
        desk.tools.client.post("/refunds", json=body, headers=headers)
        with pytest.raises(ScopeError):
            credential.reveal()
        return "Refunded."

    thread = billing(desk, refunds(pay))
    cancel(thread, started)
    assert desk.live_children() == []
    resumed.set()
    wait_for(lambda: bool(thread.records("call.ended")))

    thread.run(None, MANAGER)
    assert thread.is_done()
    assert thread.results() == ["Refunded."]
    assert desk.refunded == [500]


@ON_AN_EVENT_LOOP
@pytest.mark.parametrize("step", ["auth/token/create/*", REFUND_SECRET])
def test_a_run_is_cancelled_while_it_leases(desk: Desk, step: str) -> None:
    """A credential that comes when nobody waits for it any more is given back."""
    started = threading.Event()
    thread = billing(desk)
    desk.vault.faults.add(Fault(path=step, delay=0.5))

    def watch() -> None:
        wait_for(lambda: bool(thread.records("call.started")))
        started.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    cancel(thread, started)
    watcher.join()

    assert desk.refunded == []
    assert desk.live_children() == []
    thread.run(None, MANAGER)
    assert thread.is_done()
    assert desk.refunded == []


@pytest.mark.parametrize("times", [1, 3])
def test_a_revocation_that_fails(
    desk: Desk, vault: Vault, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The run ends as it would; each end is asked for until Vault confirms it, and told of once."""
    own = over(desk, vault)
    thread = billing(own, times=times)
    thread.run({"messages": [HumanMessage(REQUEST)]})
    answers = {each.id: decision(each) for each in thread.waiting()}
    desk.vault.faults.add(Fault(path="auth/token/revoke-self", status=500, times=times))

    thread.run(Command(resume=answers), MANAGER)

    assert thread.is_done()
    assert desk.refunded == [500] * times
    ends = [record.body for record in thread.ended()]
    assert [(body["end"], body["failure"]) for body in ends] == [("revoked", None)] * times
    assert sum(int(str(body["tries"])) for body in ends) == 2 * times
    assert desk.live_children() == []
    told = [line for line in operators_log(caplog) if "is not revoked yet" in line]
    assert 1 <= len(told) <= times


def test_vault_is_sealed_in_the_middle_of_a_tool(desk: Desk, vault: Vault) -> None:
    """What the tool has done counts; its lease ends as soon as Vault is back."""
    leased: list[str] = []

    def seal(credential: Credential) -> str:
        leased.append(credential.reveal())
        desk.vault.seal()
        return "Refunded."

    thread = billing(over(desk, vault), refunds(seal))
    interrupt = thread.ask()
    try:
        thread.answer(interrupt)
        assert thread.records("lease.revoked") == []
    finally:
        desk.vault.unseal()

    assert thread.is_done()
    assert thread.results() == ["Refunded."]
    (revoked,) = thread.ended()
    assert revoked.body["end"] == "revoked"
    assert desk.live_children() == []


def test_a_desk_that_closes_ends_what_could_not_be_revoked(desk: Desk, ground: Ground) -> None:
    """Logging out ends every lease of an agent at once, before its time."""
    with connected(ground) as vault:
        lease = vault.lease(REFUND_SCOPE, agent="billing", tool="issue_refund", meta={})
        assert at_vault(ground, "GET", REFUND_SECRET, lease.token) == 200

    assert at_vault(ground, "GET", REFUND_SECRET, lease.token) == 403
    assert desk.live_children() == []
