"""Sessions: a login that ends is replaced, once for all calls, or kept while no other is had."""

import logging
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.tools.vault.leasing import LOGIN, REFUND, RENEW, Clock, Connect, count, lease_refund
from tests.tools.vault.renewals import TTL, move, renew_due, renewing

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import (
    ToolScope,
    VaultOperator,
    provision,
    write_secret,
)
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

HOUR = 3600


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
    vault_operator: VaultOperator,
    logged_in: Vault,
) -> None:
    """The renewal learns it before any call does."""
    (parent,) = devvault.live_tokens(role="")
    vault_operator.write("auth/token/revoke-accessor", accessor=parent.accessor)

    move(devvault, clock, TTL * 2 / 3)
    renew_due(logged_in)

    assert count(devvault, LOGIN) == 2
    assert lease_refund(logged_in).credential.reveal()


def test_calls_that_find_a_login_dead_together_log_in_once(
    devvault: DevelopmentVault,
    vault_operator: VaultOperator,
    logged_in: Vault,
) -> None:
    """Sixteen calls, one new login."""
    (parent,) = devvault.live_tokens(role="")
    vault_operator.write("auth/token/revoke-accessor", accessor=parent.accessor)

    with ThreadPoolExecutor(16) as pool:
        leases = list(pool.map(lease_refund, [logged_in] * 16))

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


def test_a_login_without_the_right_to_renew_is_replaced(
    devvault: DevelopmentVault,
    clock: Clock,
    logged_in: Vault,
) -> None:
    """A denial is no death: the token is looked up once, and another one is had in time."""
    devvault.faults.add(Fault(path=RENEW, status=403))
    move(devvault, clock, TTL * 2 / 3)

    renew_due(logged_in)

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
        vault = Vault(devvault.address, logins=provision(operator, agents={"billing": [tool]}))
        lease = lease_refund(vault)
        left = lease.deadline - time.monotonic()
        vault.revoke(lease)
        vault.close()

        assert 55 < left <= 60
        assert count(devvault, LOGIN) == 1
        assert devvault.live_tokens(role="bailiwick-issue_refund") == []


def test_after_a_restart_that_forgot_everything_the_process_must_start_again_too(
    devvault: DevelopmentVault, logged_in: Vault
) -> None:
    """Its secret id belongs to a Vault that is gone, and it does not look for another."""
    devvault.reset()
    tool = ToolScope(tool="issue_refund", scope=REFUND)
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        provision(operator, agents={"billing": [tool]})

    with pytest.raises(VaultError, match=r"vault bootstrap billing .*; then start this process"):
        lease_refund(logged_in)
