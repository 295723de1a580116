"""Children made ahead: when they are made, how many, and which call has one."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from tests.tools.leases.pools.process import CALL, MINT, READ, SCOPE, Process, asked, ends, waiting
from tests.waiting import wait_for

from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.leases import revocation_rows
from bailiwick.tools.leases.lease_history import HeldLease, lease_history
from bailiwick.tools.secrets.credentials import Credential


def test_none_is_made_where_none_is_declared(process: Process, devvault: DevelopmentVault) -> None:
    """Off is the default: a call asks for its own child and no other is made."""
    for _ in range(2):
        process.call(scope=replace(SCOPE, ahead=0))

    assert Scope(path="shop/orders").ahead == 0
    assert asked(devvault).count(MINT) == 2
    assert list(process.ledger.records(kind="lease.ready")) == []


def test_none_is_made_before_a_call_has_come(process: Process, devvault: DevelopmentVault) -> None:
    """The first call leases for itself, and shows that children are needed."""
    begun = len(devvault.requests)
    first = process.call()

    assert not first.is_ahead
    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    assert asked(devvault, begun).count(MINT) == 1 + SCOPE.ahead
    assert asked(devvault, begun).count(READ) == 1


def test_a_call_with_a_child_that_waits_makes_one_round_trip(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """It reads its secret; the child that takes the other's place is made behind its back."""
    devvault.faults.add(Fault(path=MINT, delay=0.2))
    begun = len(devvault.requests)
    lease = process.call()

    assert asked(devvault, begun) == [READ]
    assert lease.accessor == ready[0]
    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    assert asked(devvault, begun) == [READ, MINT]


def test_no_more_wait_than_the_scope_says(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """However many calls there were."""
    assert len(ready) == SCOPE.ahead
    for _ in range(5):
        process.call()

    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    process.call()
    time.sleep(0.1)
    assert len(waiting(process, devvault)) <= SCOPE.ahead


def test_the_call_is_joined_to_its_child_in_the_ledger(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """By handle and by both requests: Vault's audit knows the agent and the tool alone."""
    (token,) = devvault.live_tokens(accessor=ready[0])
    process.call(replace(CALL, id="call-2"))

    assert token.meta["made"] == "ahead"
    assert token.meta["agent"] == "orders"
    assert token.meta["policy_version"] == "1"
    assert not {"thread", "requester", "tool_call_id"} & set(token.meta)
    made = next(process.ledger.records(kind="lease.ready")).body
    body = list(process.ledger.records("t", "lease.granted"))[-1].body
    assert (body["accessor"], body["tool_call_id"], body["ahead"]) == (ready[0], "call-2", True)
    known, joined = made["request_ids"], body["request_ids"]
    assert isinstance(known, list)
    assert isinstance(joined, list)
    assert joined[:1] == known
    assert len(joined) == 2
    assert ends(process)[-1] == "spent"


def test_a_call_is_told_what_time_its_child_has_left(
    process: Process, ready: Sequence[str]
) -> None:
    """Asked for were sixty seconds, of which some have passed."""
    process.now += 20
    lease = process.call()

    assert lease.accessor in ready
    assert (lease.ttl_asked, lease.ttl) == (60, 40)


def test_sixty_four_calls_at_once_have_a_child_each(
    process: Process, devvault: DevelopmentVault, ready: Sequence[str]
) -> None:
    """Some of them one that waited; when all has ended, nothing is alive or still to end."""
    many = replace(SCOPE, ahead=16)
    process.call(scope=many)
    wait_for(lambda: len(set(waiting(process, devvault)) - set(ready)) == many.ahead)
    with ThreadPoolExecutor(64) as pool:
        calls = [replace(CALL, id=f"call-{number}") for number in range(64)]
        leases = list(pool.map(partial(process.call, scope=many), calls))

    assert len({lease.accessor for lease in leases}) == 64
    assert sum(lease.is_ahead for lease in leases) >= many.ahead
    assert not {lease.accessor for lease in leases} & set(ready)
    process.vault.close()
    assert not any(token.role for token in devvault.live_tokens())
    with process.ledger.reading() as connection:
        assert revocation_rows.standing(connection) == []


def test_what_destroys_has_no_child_ahead() -> None:
    """Its credential names its call in Vault's audit."""
    with pytest.raises(ScopeError, match="leave `ahead` out"):

        @scoped_tool(effect="destructive", credential=SCOPE)
        def destroy(*, credential: Credential) -> str:
            """Destroy something."""
            return repr(credential)


def test_how_many_are_ahead_makes_no_other_tool() -> None:
    """An approval of a tool is one of it, however its children come about."""

    def look(*, credential: Credential) -> str:
        """Look."""
        return repr(credential)

    many, none = (
        scoped_tool(look, effect="read", credential=scope)
        for scope in (SCOPE, replace(SCOPE, ahead=0))
    )
    assert many.version == none.version


def test_a_child_that_no_call_had_is_told_of(process: Process, ready: Sequence[str]) -> None:
    """It could have opened the secret: whose it was, since when, and how it ended."""

    def unused() -> list[HeldLease]:
        return [each for each in lease_history(process.ledger) if not each.calls]

    assert {each.accessor for each in unused()} == set(ready)
    assert {(each.agent, each.tool, each.end, each.ahead) for each in unused()} == {
        ("orders", "look_up_order", "alive", True)
    }
    taken = process.call()
    assert taken.accessor not in {each.accessor for each in unused()}
    (held,) = [e for e in lease_history(process.ledger, "t") if e.accessor == taken.accessor]
    assert (held.calls, held.ahead, held.end) == (1, True, "spent")
    process.vault.close()
    assert {each.end for each in unused()} == {"revoked"}
    assert process.ledger.verify().is_sound
