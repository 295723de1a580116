"""Leases of calls: each its own, unless a read's scope says that calls of one run may share it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from tests.tools.leases.one_tool import call_of
from tests.waiting import wait_for

from bailiwick.policies.errors import LedgerError, ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.leases.call_leases import CallLeases
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.locations import UNTHREADED
from bailiwick.tools.provision import ToolScope, VaultOperator, provision, write_secret
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault

SHARED = Scope(path="shop/orders", lasts="run")
OWN = replace(SHARED, lasts="call")
CALL = call_of("orders", "look_up_order", "read")


class Hours:
    """Be a clock that stands still until it is told to move."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Hours:
    """Give the clock of the leases."""
    return Hours()


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    """Give a ledger."""
    with closing(Ledger(sqlite_url)) as opened:
        yield opened


@pytest.fixture
def connected(devvault: DevelopmentVault) -> Iterator[Vault]:
    """Give a connection for one agent with one tool."""
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        write_secret(operator, OWN, {"key": "k-51c0ffee"})
        tools = [ToolScope(tool="look_up_order", scope=OWN)]
        approles = provision(operator, agents={"orders": tools})
    with Vault(devvault.address, logins=approles) as vault:
        yield vault


@pytest.fixture
def revocations(ledger: Ledger, connected: Vault) -> Revocations:
    """Give what ends leases."""
    return Revocations(ledger, connected)


@pytest.fixture
def leases(ledger: Ledger, connected: Vault, revocations: Revocations, clock: Hours) -> CallLeases:
    """Give the leases of calls."""
    return CallLeases(ledger, connected, revocations, clock=clock)


def take(leases: CallLeases, scope: Scope = SHARED, policy: str = "1", **changes: Any) -> Lease:  # noqa: ANN401 - any field of a call
    """Lease for a call that differs from the usual one in some way."""
    return leases.take(replace(CALL, **changes), scope, approvers=(), policy_version=policy)


def kinds(ledger: Ledger) -> list[str]:
    """Return what the ledger has recorded."""
    return [record.kind for record in ledger.records()]


def test_each_call_has_a_lease_of_its_own(leases: CallLeases, ledger: Ledger) -> None:
    """Unless its scope says otherwise."""
    first, second = take(leases, OWN), take(leases, OWN)

    assert first.accessor != second.accessor
    assert kinds(ledger) == ["lease.granted"] * 2
    leases.give_back(first)
    leases.give_back(second)


def test_runs_without_a_thread_share_nothing(leases: CallLeases) -> None:
    """Nothing tells one conversation from the next."""
    first, second = take(leases, thread=UNTHREADED), take(leases, thread=UNTHREADED)

    assert first.accessor != second.accessor
    leases.give_back(first)
    leases.give_back(second)


def test_reads_of_one_run_share_a_lease(
    leases: CallLeases, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Vault is asked once, the ledger tells of both, and each has a credential that ends."""
    first = take(leases)
    asked = len(devvault.requests)
    second = take(leases, id="call-2")

    assert second.accessor == first.accessor
    assert len(devvault.requests) == asked
    leases.give_back(first)
    assert second.credential.reveal() == "k-51c0ffee"
    with pytest.raises(ScopeError, match="ended with its call"):
        first.credential.reveal()
    assert kinds(ledger) == ["lease.granted", "lease.reused"]
    leases.give_back(second)
    third = take(leases, id="call-3")
    assert third.accessor == first.accessor
    leases.give_back(third)


DIFFERENT: dict[str, dict[str, Any]] = {
    "thread": {"thread": "other"},
    "requester": {"requester": "somebody"},
    "chain": {"chain": ("supervisor",)},
    "version of the tool": {"tool": replace(CALL.tool, version="2")},
    "version of the policy": {"policy": "2"},
}


@pytest.mark.parametrize("changes", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_nobody_else_joins(leases: CallLeases, changes: dict[str, Any]) -> None:
    """What differs in anything that was decided on has a lease of its own."""
    first, second = take(leases), take(leases, **changes)

    assert first.accessor != second.accessor
    leases.give_back(first)
    leases.give_back(second)


def test_nobody_joins_after_half_of_its_time(leases: CallLeases, clock: Hours) -> None:
    """A call needs time to use what it was given."""
    first = take(leases)
    clock.now += 30
    second = take(leases)

    assert first.accessor != second.accessor
    leases.give_back(first)
    leases.give_back(second)


def test_a_shared_lease_ends_when_nobody_needs_it(
    leases: CallLeases, revocations: Revocations, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """At once where somebody waits for the ends, and then nobody joins it any more."""
    first = take(leases)
    leases.give_back(first)
    assert any(token.role for token in devvault.live_tokens())

    assert revocations.drain()
    assert not any(token.role for token in devvault.live_tokens())
    second = take(leases)
    assert second.accessor != first.accessor
    leases.give_back(second)
    assert kinds(ledger) == ["lease.granted", "lease.revoked", "lease.granted"]


def test_a_shared_lease_that_is_in_use_is_not_ended(
    leases: CallLeases, revocations: Revocations, devvault: DevelopmentVault
) -> None:
    """Also where others have given it back."""
    first, second = take(leases), take(leases)
    leases.give_back(first)

    assert revocations.drain()
    assert any(token.role for token in devvault.live_tokens())
    assert second.credential.reveal() == "k-51c0ffee"
    leases.give_back(second)


def test_a_lease_that_another_call_took_at_once_is_not_ended_under_those_that_share_it(
    leases: CallLeases, revocations: Revocations, devvault: DevelopmentVault
) -> None:
    """Neither call found the other's lease; each lease ends with the last call that holds it."""
    leases.give_back(take(leases, thread="warm"))
    devvault.faults.add(delay := Fault(path="auth/token/create/*", delay=2))
    with ThreadPoolExecutor(1) as pool:
        slower = pool.submit(take, leases)
        wait_for(lambda: not delay.times)
        first, second = take(leases, id="call-2"), take(leases, id="call-3")
        other = slower.result()
    assert first.accessor == second.accessor != other.accessor

    leases.give_back(first)
    leases.give_back(other)
    assert revocations.drain()
    alive = devvault.live_tokens(accessor=first.accessor)
    leases.give_back(second)
    assert alive
    assert revocations.drain()
    assert not devvault.live_tokens(accessor=first.accessor)


def test_a_younger_lease_of_the_run_does_not_end_an_older_one_under_its_call(
    leases: CallLeases, revocations: Revocations, clock: Hours, devvault: DevelopmentVault
) -> None:
    """Of two calls that hold it, the first to end leaves it to the other."""
    first, second = take(leases), take(leases)
    clock.now += 30
    younger = take(leases)
    assert younger.accessor != first.accessor

    leases.give_back(first)
    assert revocations.drain()
    assert devvault.live_tokens(accessor=second.accessor)
    leases.give_back(second)
    leases.give_back(younger)


def test_a_reuse_that_cannot_be_recorded_is_given_back(
    leases: CallLeases, revocations: Revocations, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """No call holds what the ledger does not tell of."""
    first = take(leases)
    with ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE records RENAME TO away"))
    try:
        with pytest.raises(LedgerError):
            take(leases)
    finally:
        with ledger.transaction() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO records"))
    leases.give_back(first)

    assert revocations.drain()
    assert not any(token.role for token in devvault.live_tokens())


def test_many_at_once_all_end(
    leases: CallLeases, revocations: Revocations, devvault: DevelopmentVault
) -> None:
    """However they meet, none is left."""

    def call(number: int) -> str:
        lease = take(leases, id=f"call-{number}")
        found = lease.credential.reveal()
        leases.give_back(lease)
        return found

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(call, range(64))) == {"k-51c0ffee"}

    assert revocations.drain()
    assert not any(token.role for token in devvault.live_tokens())


@pytest.mark.parametrize("effect", ["write", "destructive"])
def test_only_reads_share(effect: Any) -> None:  # noqa: ANN401 - one of the effects
    """What changes something is leased for by itself."""
    with pytest.raises(ScopeError, match="only reads share"):

        @scoped_tool(effect=effect, credential=SHARED)
        def change(*, credential: Credential) -> str:
            """Change something."""
            return repr(credential)
