"""Children made ahead: none outlives what it was made on, and none is had from a failing Vault."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import text
from tests.tools.leases.pools.process import CALL, MINT, READ, SCOPE, Process, asked, ends, waiting
from tests.waiting import wait_for

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.leases.pools import LOOK
from bailiwick.tools.provision import VaultOperator


def change_policy(process: Process, _: DevelopmentVault) -> None:
    """Have another version of the policy decide; no call comes."""
    process.policy = "2"


def change_tool(process: Process, _: DevelopmentVault) -> None:
    """Have the tool called in another version."""
    process.call(replace(CALL, tool=replace(CALL.tool, version="2")))


def change_scope(process: Process, _: DevelopmentVault) -> None:
    """Have the tool declare another time."""
    process.call(scope=replace(SCOPE, ttl=50))


def approve(process: Process, _: DevelopmentVault) -> None:
    """Have a call of the tool come that a person had to approve."""
    process.call(approvers=("manager",))


def let_age(process: Process, _: DevelopmentVault) -> None:
    """Let half of their time pass; no call comes."""
    process.now += 30


def log_in_anew(process: Process, devvault: DevelopmentVault) -> None:
    """Have the agent's login refused once, so that it logs in again; the old one lives on."""
    devvault.faults.add(Fault(path="auth/token/lookup-self", status=403))
    devvault.faults.add(Fault(path=MINT, status=403))
    process.call(scope=replace(SCOPE, ahead=0))


def refuse(process: Process, devvault: DevelopmentVault) -> None:
    """Have Vault refuse a child of them."""
    devvault.faults.add(Fault(path=READ, status=403))
    assert not process.call().is_ahead


def close(process: Process, _: DevelopmentVault) -> None:
    """Close the connection."""
    process.vault.close()


@pytest.mark.parametrize(
    "what",
    [
        change_policy,
        change_tool,
        change_scope,
        approve,
        let_age,
        log_in_anew,
        refuse,
        close,
    ],
)
def test_children_end_with_what_they_were_made_on(
    process: Process,
    devvault: DevelopmentVault,
    ready: Sequence[str],
    what: Callable[[Process, DevelopmentVault], None],
) -> None:
    """At Vault, as every lease, and nobody has them any more."""
    what(process, devvault)

    wait_for(lambda: not set(waiting(process, devvault)) & set(ready))
    granted = process.ledger.records("t", "lease.granted")
    assert not [record for record in granted if record.body["accessor"] in ready]
    told = [record.body for record in process.ledger.records(kind="lease.revoked")]
    wait_for(lambda: ends(process).count("revoked") >= SCOPE.ahead)
    assert not [body for body in told if body["failure"]]


def test_a_call_that_was_approved_has_a_child_that_says_so(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """Who approved it stands in Vault's audit, and it was made after that."""
    devvault.faults.add(Fault(path=READ, delay=0.2))
    with ThreadPoolExecutor(1) as pool:
        called = pool.submit(process.call, approvers=("manager",))
        wait_for(lambda: "manager" in [t.meta.get("approver") for t in devvault.live_tokens()])
        assert called.result().accessor not in ready


def test_a_disabled_agent_gets_nothing_by_a_child_that_waits(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """Vault refuses the child and the agent; what waited is ended."""
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        operator.write("identity/entity/name/bailiwick-orders", disabled=True)
        with pytest.raises(VaultError):
            process.call()
        operator.write("identity/entity/name/bailiwick-orders", disabled=False)

    wait_for(lambda: not waiting(process, devvault))
    assert not process.call().is_ahead
    assert ready


def test_a_read_that_fails_is_not_tried_with_another(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """The call gets no credential, and what waited is ended."""
    devvault.faults.add(Fault(path=READ, status=500))
    begun = len(devvault.requests)
    with pytest.raises(VaultError, match="answered 500"):
        process.call()

    assert asked(devvault, begun).count(READ) == 1
    wait_for(lambda: not set(waiting(process, devvault)) & set(ready))


def test_nothing_is_made_while_vault_is_down(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """A child that cannot be had is not asked for again until a call has got its credential."""
    devvault.faults.add(Fault(path=MINT, status=503, times=9))
    begun = len(devvault.requests)

    def has_tried(times: int) -> bool:
        return asked(devvault, begun).count(MINT) == times

    for times in range(1, len(ready) + 1):
        assert process.call().is_ahead
        wait_for(partial(has_tried, times))
    with pytest.raises(VaultError, match="is sealed or not active"):
        process.call()

    time.sleep(1.2 * LOOK)
    assert has_tried(len(ready) + 1)


def test_a_child_that_cannot_be_recorded_is_ended(
    process: Process, devvault: DevelopmentVault
) -> None:
    """None waits that the ledger does not tell of."""
    devvault.faults.add(Fault(path=MINT, delay=0))
    devvault.faults.add(Fault(path=MINT, delay=0.3))
    process.call()
    with process.ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE revocations RENAME TO away"))
    wait_for(lambda: asked(devvault).count(MINT) == 2)
    wait_for(lambda: not any(token.role for token in devvault.live_tokens()))
    with process.ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO revocations"))

    assert list(process.ledger.records(kind="lease.ready")) == []
