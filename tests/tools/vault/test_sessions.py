"""Sessions: an agent's login is kept alive, replaced where it must be, and shared by all calls."""

import asyncio
import gc
import logging
import math
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.tools.vault.conftest import REFUND, Clock, Connect, count, lease_refund

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import (
    AgentIdentity,
    LoginTerms,
    Registry,
    ToolScope,
    VaultOperator,
    provision,
    set_up,
    write_secret,
)
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole
from bailiwick.tools.vault.renewal import Renewal

LOGIN, RENEW = "auth/approle/login", "auth/token/renew-self"
TTL = 1200
THREAD = "bailiwick-vault-renewal"
HOUR = 3600
PATIENCE = 5.0
"""Seconds to wait for a thread."""


_EARLIER: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def earlier() -> None:
    """Look past the threads of other tests' vaults in this process."""
    _EARLIER.update(threading.enumerate())


def renewing() -> list[threading.Thread]:
    """Return the threads that renew logins since the test began."""
    named = (thread for thread in threading.enumerate() if thread.name == THREAD)
    return [thread for thread in named if thread not in _EARLIER]


def move(devvault: DevelopmentVault, clock: Clock, seconds: float) -> None:
    """Let time pass for Vault and for us."""
    clock.now += seconds
    devvault.let_pass(seconds)


def renew_due(vault: Vault) -> None:
    """Do what the thread does when it wakes."""
    vault._sessions.renewal.renew_due()  # pyright: ignore[reportPrivateUsage]  # time is faked


@pytest.fixture
def approles_of_1300_seconds(
    vault_operator: VaultOperator, vault_approles: Mapping[str, AppRole]
) -> Mapping[str, AppRole]:
    """The same agents, of which `billing` can stay logged in for little more than one time."""
    vault_operator.write("auth/approle/role/bailiwick-billing", token_max_ttl=1300)
    return vault_approles


def test_nobody_logged_in_needs_no_thread(connect: Connect) -> None:
    """A connection that was never used leaves nothing to renew."""
    connect({})

    assert renewing() == []


def test_a_login_is_renewed_at_two_thirds_of_its_time(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    vault_approles: Mapping[str, AppRole],
) -> None:
    """Not before; and the calls go on with the same token, past its first end."""
    vault = connect(vault_approles)
    lease_refund(vault)
    (parent,) = devvault.live_tokens(role="")
    move(devvault, clock, TTL * 2 / 3 - 1)
    renew_due(vault)
    assert count(devvault, RENEW) == 0

    for seconds in (1, *[TTL * 2 / 3] * 4):
        move(devvault, clock, seconds)
        renew_due(vault)
        lease_refund(vault)

    assert count(devvault, RENEW) == 5
    assert count(devvault, LOGIN) == 1
    assert devvault.live_tokens(role="") == [parent]


def test_one_thread_renews_the_logins_of_all_agents(
    connect: Connect, vault_approles: Mapping[str, AppRole]
) -> None:
    """However many there are, and it is gone when the connection is closed."""
    vault = connect(vault_approles)
    lease_refund(vault)
    vault.request("GET", "auth/token/lookup-self", agent="orders", to="look")
    assert len(renewing()) == 1

    vault.close()

    assert renewing() == []


def test_the_thread_renews_by_itself(devvault: DevelopmentVault) -> None:
    """In real time: a login of three seconds outlives four."""
    terms = LoginTerms(token_ttl=3, secret_id_ttl=0, secret_id_uses=0)
    registry = Registry(agents=(AgentIdentity(name="billing"),))
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        approles = set_up(operator, registry, terms)
    with Vault(devvault.address, approles=approles) as vault:
        vault.request("GET", "auth/token/lookup-self", agent="billing", to="look")
        (before,) = devvault.live_tokens(role="")
        time.sleep(4)
        assert devvault.live_tokens(role="") == [before]
    assert count(devvault, LOGIN) == 1
    assert renewing() == []


async def test_tasks_and_threads_share_a_login_and_its_renewal(
    devvault: DevelopmentVault, connect: Connect, vault_approles: Mapping[str, AppRole]
) -> None:
    """Calls of an event loop go through the same sessions as everybody's."""
    vault = connect(vault_approles)
    tasks = [asyncio.to_thread(lease_refund, vault) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(lease_refund, vault) for _ in range(4)]
        await asyncio.gather(*tasks)
        assert [each.result().role for each in waiting]

    assert count(devvault, LOGIN) == 1
    assert len(renewing()) == 1


def test_a_login_near_its_last_end_is_replaced_before_calls_must_wait(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    approles_of_1300_seconds: Mapping[str, AppRole],
) -> None:
    """Vault gives less at each renewal near the maximum; the thread logs in anew, once."""
    vault = connect(approles_of_1300_seconds)
    lease_refund(vault)

    move(devvault, clock, TTL * 2 / 3)
    renew_due(vault)

    assert (count(devvault, RENEW), count(devvault, LOGIN)) == (1, 2)
    lease_refund(vault)
    assert count(devvault, LOGIN) == 2


def test_a_revoked_login_is_found_dead_and_replaced(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    vault_operator: VaultOperator,
    vault_approles: Mapping[str, AppRole],
) -> None:
    """The renewal learns it before any call does."""
    vault = connect(vault_approles)
    lease_refund(vault)
    (parent,) = devvault.live_tokens(role="")
    vault_operator.write("auth/token/revoke-accessor", accessor=parent.accessor)

    move(devvault, clock, TTL * 2 / 3)
    renew_due(vault)

    assert count(devvault, LOGIN) == 2
    assert lease_refund(vault).credential.reveal()


def test_calls_that_find_a_login_dead_together_log_in_once(
    devvault: DevelopmentVault,
    connect: Connect,
    vault_operator: VaultOperator,
    vault_approles: Mapping[str, AppRole],
) -> None:
    """Sixteen calls, one new login."""
    vault = connect(vault_approles)
    lease_refund(vault)
    (parent,) = devvault.live_tokens(role="")
    vault_operator.write("auth/token/revoke-accessor", accessor=parent.accessor)

    with ThreadPoolExecutor(16) as pool:
        leases = list(pool.map(lease_refund, [vault] * 16))

    assert len({lease.accessor for lease in leases}) == 16
    assert count(devvault, LOGIN) == 2


def test_a_login_that_cannot_be_renewed_is_replaced_when_it_is_over(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    vault_operator: VaultOperator,
    vault_approles: Mapping[str, AppRole],
) -> None:
    """Vault's batch tokens are such: nothing is asked of them in vain."""
    vault_operator.write("auth/approle/role/bailiwick-billing", token_type="batch")
    vault = connect(vault_approles)
    ask(vault)
    move(devvault, clock, TTL)
    renew_due(vault)
    ask(vault)

    assert (count(devvault, RENEW), count(devvault, LOGIN)) == (0, 2)
    assert renewing() == []


def ask(vault: Vault) -> int:
    """Ask for something that every login may."""
    asked = vault.request("GET", "auth/token/lookup-self", agent="billing", to="look")
    return asked.status


def test_a_renewal_without_an_answer_is_tried_again(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    vault_approles: Mapping[str, AppRole],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A Vault that is sealed at that moment costs no login where it is unsealed in time."""
    vault = connect(vault_approles)
    lease_refund(vault)
    move(devvault, clock, TTL * 2 / 3)
    devvault.seal()
    with caplog.at_level(logging.WARNING):
        renew_due(vault)
    assert "the login of agent 'billing' was not renewed: Vault at" in caplog.text
    devvault.unseal()

    move(devvault, clock, 5)
    renew_due(vault)

    assert count(devvault, LOGIN) == 1
    assert lease_refund(vault).deadline > clock.now


def test_a_login_without_the_right_to_renew_is_replaced(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    vault_approles: Mapping[str, AppRole],
) -> None:
    """A denial is no death: the token is looked up once, and another one is had in time."""
    vault = connect(vault_approles)
    lease_refund(vault)
    devvault.faults.add(Fault(path=RENEW, status=403))
    move(devvault, clock, TTL * 2 / 3)

    renew_due(vault)

    assert count(devvault, "auth/token/lookup-self") == 1
    assert count(devvault, LOGIN) == 2


def test_the_known_login_is_kept_where_no_other_can_be_had(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    approles_of_1300_seconds: Mapping[str, AppRole],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It serves to its end, and the operator hears of it in time."""
    vault = connect(approles_of_1300_seconds)
    lease_refund(vault)
    devvault.faults.add(Fault(path=LOGIN, status=400, times=9))
    move(devvault, clock, TTL * 2 / 3)
    with caplog.at_level(logging.WARNING):
        renew_due(vault)

    assert lease_refund(vault).credential.reveal()
    assert re.search(r"agent 'billing' has a login for another (499|500) s: ", caplog.text)
    assert "bailiwick vault bootstrap billing" in caplog.text
    move(devvault, clock, 501)
    with pytest.raises(VaultError, match="bailiwick vault bootstrap billing"):
        lease_refund(vault)
    devvault.faults.clear()


@pytest.mark.parametrize("skew", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_an_hour_between_the_clocks_changes_nothing(skew: float) -> None:
    """Only durations count: Vault's idea of the time of day is never compared with ours."""
    tool = ToolScope(tool="issue_refund", scope=REFUND)
    with (
        DevelopmentVault(clock=lambda: time.time() + skew) as devvault,
        closing(VaultOperator(devvault.address, devvault.root_token)) as operator,
    ):
        write_secret(operator, REFUND, {"key": "k"})
        vault = Vault(devvault.address, approles=provision(operator, agents={"billing": [tool]}))
        lease = lease_refund(vault)
        left = lease.deadline - time.monotonic()
        vault.revoke(lease)
        vault.close()

        assert 55 < left <= 60
        assert count(devvault, LOGIN) == 1
        assert devvault.live_tokens(role="bailiwick-issue_refund") == []


def test_one_agents_trouble_does_not_end_the_thread(clock: Clock) -> None:
    """Whatever goes wrong with one login, the others are renewed, and it is tried again."""
    renewed: list[str] = []

    def renew(agent: str) -> float:
        renewed.append(agent)
        if agent == "broken":
            raise RuntimeError(agent)
        return math.inf

    renewal = Renewal(renew, clock)
    for agent in ("broken", "billing"):
        renewal.watch(agent, math.inf)
        renewal._due[agent] = clock.now  # pyright: ignore[reportPrivateUsage]  # no thread here
    renewal.renew_due()
    clock.now += 60
    renewal.renew_due()

    assert renewed == ["broken", "billing", "broken"]
    renewal.close()


def test_a_connection_that_was_dropped_is_not_kept_by_its_thread(
    vault_approles: Mapping[str, AppRole], devvault: DevelopmentVault
) -> None:
    """A cell of a notebook that runs again leaves no login alive for ever."""
    vault = Vault(devvault.address, approles=vault_approles)
    lease_refund(vault)
    (thread,) = renewing()

    del vault
    gc.collect()
    # It looks once a minute; here it is woken, as often as it takes until it waits.
    condition = thread._args[1]  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # its Condition
    deadline = time.monotonic() + PATIENCE
    while thread.is_alive() and time.monotonic() < deadline:
        with condition:
            condition.notify()
        thread.join(0.01)

    assert renewing() == []


def test_calls_that_find_a_login_short_together_renew_it_once(
    devvault: DevelopmentVault,
    clock: Clock,
    connect: Connect,
    vault_approles: Mapping[str, AppRole],
) -> None:
    """Sixteen calls, one renewal."""
    vault = connect(vault_approles)
    lease_refund(vault)
    move(devvault, clock, TTL - 30)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lease_refund, [vault] * 16))

    assert (count(devvault, RENEW), count(devvault, LOGIN)) == (1, 1)
