"""The renewal of logins: in time, by one thread, for all who wait."""

import asyncio
import gc
import logging
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.tools.vault.leasing import LOGIN, RENEW, Clock, Connect, count, lease_refund
from tests.tools.vault.renewals import TTL, move, renew_due, renewing

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import (
    AgentIdentity,
    LoginTerms,
    Registry,
    VaultOperator,
    set_up,
)
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole
from bailiwick.tools.vault.renewal import Renewal

PATIENCE = 5.0
"""Seconds to wait for a thread."""


def test_nobody_logged_in_needs_no_thread(connect: Connect) -> None:
    """A connection that was never used leaves nothing to renew."""
    connect({})

    assert renewing() == []


def test_a_login_is_renewed_at_two_thirds_of_its_time(
    devvault: DevelopmentVault,
    clock: Clock,
    logged_in: Vault,
) -> None:
    """Not before; and the calls go on with the same token, past its first end."""
    (parent,) = devvault.live_tokens(role="")
    move(devvault, clock, TTL * 2 / 3 - 1)
    renew_due(logged_in)
    assert count(devvault, RENEW) == 0

    for seconds in (1, *[TTL * 2 / 3] * 4):
        move(devvault, clock, seconds)
        renew_due(logged_in)
        lease_refund(logged_in)

    assert count(devvault, RENEW) == 5
    assert count(devvault, LOGIN) == 1
    assert devvault.live_tokens(role="") == [parent]


def test_one_thread_renews_the_logins_of_all_agents(logged_in: Vault) -> None:
    """However many there are, and it is gone when the connection is closed."""
    logged_in.request("GET", "auth/token/lookup-self", agent="orders", to="look")
    assert len(renewing()) == 1

    logged_in.close()

    assert renewing() == []


def test_the_thread_renews_by_itself(devvault: DevelopmentVault) -> None:
    """In real time: a login of six seconds outlives seven."""
    terms = LoginTerms(token_ttl=6, secret_id_ttl=0, secret_id_uses=0)
    registry = Registry(agents=(AgentIdentity(name="billing"),))
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        approles = set_up(operator, registry, terms)
    with Vault(devvault.address, logins=approles) as vault:
        vault.request("GET", "auth/token/lookup-self", agent="billing", to="look")
        (before,) = devvault.live_tokens(role="")
        time.sleep(7)
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


def test_a_renewal_without_an_answer_is_tried_again(
    devvault: DevelopmentVault,
    clock: Clock,
    logged_in: Vault,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A Vault that is sealed at that moment costs no login where it is unsealed in time."""
    move(devvault, clock, TTL * 2 / 3)
    devvault.seal()
    with caplog.at_level(logging.WARNING):
        renew_due(logged_in)
    assert "the login of agent 'billing' was not renewed: Vault at" in caplog.text
    devvault.unseal()

    move(devvault, clock, 5)
    renew_due(logged_in)

    assert count(devvault, LOGIN) == 1
    assert lease_refund(logged_in).deadline > clock.now


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
    vault = Vault(devvault.address, logins=vault_approles)
    lease_refund(vault)
    (thread,) = renewing()

    del vault
    # It looks once a minute, and holds the connection while it does; here it is woken until it sees
    # that nobody else does.
    condition = thread._args[1]  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # its Condition
    deadline = time.monotonic() + PATIENCE
    while thread.is_alive() and time.monotonic() < deadline:
        gc.collect()
        with condition:
            condition.notify()
        thread.join(0.01)

    assert renewing() == []


def test_calls_that_find_a_login_short_together_renew_it_once(
    devvault: DevelopmentVault,
    clock: Clock,
    logged_in: Vault,
) -> None:
    """Sixteen calls, one renewal."""
    move(devvault, clock, TTL - 30)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lease_refund, [logged_in] * 16))

    assert (count(devvault, RENEW), count(devvault, LOGIN)) == (1, 1)
