"""Promise 3, of those who lease: a login that is dead, stolen, spent or disabled opens nothing."""

from collections.abc import Callable

import pytest
from langchain_core.messages import HumanMessage
from tests.stories.desk import Desk
from tests.stories.ground import Ground
from tests.stories.identities import (
    LOGIN,
    MINT,
    asked,
    disabled,
    kill_login,
    let_in_once,
    skewed,
    steal,
    with_logins,
)
from tests.stories.leasing import billing, connected, operators_log, over
from tests.stories.outages import sealed
from tests.stories.people import ORDER
from tests.stories.scripts import asks
from tests.stories.ways import ONE_OF_EACH

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.vault.breaker import THRESHOLD

pytestmark = ONE_OF_EACH
REFUSAL = "issue_refund did not run. No credential could be had for it."
HOUR = 3600


def test_a_login_that_died_while_a_person_thought_is_replaced(desk: Desk, ground: Ground) -> None:
    """Revoked between question and answer: one new login, one child, one refund."""
    thread = billing(desk)
    with connected(ground) as vault:
        moved = billing(over(desk, vault))
        moved.answer(moved.ask())
        interrupt = thread.ask()
        kill_login(desk)
        before = {path: asked(desk.vault, path) for path in (LOGIN, MINT)}

        thread.under(billing(over(desk, vault)).app).answer(interrupt)

    assert desk.refunded == [500, 500]
    assert asked(desk.vault, LOGIN) - before[LOGIN] == 1
    # The first was refused before anything was made.
    assert asked(desk.vault, MINT) - before[MINT] == 2
    assert len(thread.records("lease.granted")) == 1
    assert desk.live_children() == []


def test_a_login_that_died_and_cannot_be_had_again(
    desk: Desk, ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Its secret id was good for one login: nothing is paid until an operator lets it in again."""
    thread = billing(desk)
    _, vault = let_in_once(ground)
    with vault:
        vault.log_in()
        interrupt = thread.ask()
        kill_login(desk)
        thread.under(billing(over(desk, vault)).app).answer(interrupt)

    assert desk.refunded == []
    assert thread.results() == [REFUSAL]
    (told,) = operators_log(caplog)
    assert "good for one login: give it a new one with `bailiwick vault bootstrap billing " in told
    _, again = let_in_once(ground)
    with again:
        later = billing(over(desk, again))
        later.answer(later.ask())
    assert desk.refunded == [500]


def test_a_desk_that_was_let_in_once_works_on(desk: Desk, ground: Ground) -> None:
    """As production does: one wrapped secret id, opened at the start, and many refunds."""
    _, vault = let_in_once(ground)
    before = asked(desk.vault, LOGIN)
    with vault:
        vault.log_in()
        for _ in range(3):
            thread = billing(over(desk, vault))
            thread.answer(thread.ask())

    assert desk.refunded == [500, 500, 500]
    assert asked(desk.vault, LOGIN) - before == 1
    assert desk.live_children() == []


def test_a_secret_id_that_was_intercepted(
    desk: Desk, ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """The process does not start; one that goes on all the same pays nothing; the alarm is loud."""
    wrapped, vault = let_in_once(ground)
    steal(ground, wrapped)
    thread = billing(desk)
    interrupt = thread.ask()
    with vault:
        with pytest.raises(VaultError, match="SECURITY: the wrapped secret id of agent 'billing'"):
            vault.log_in()
        thread.under(billing(over(desk, vault)).app).answer(interrupt)

    assert desk.refunded == []
    assert thread.results() == [REFUSAL]
    assert "SECURITY" not in thread.said()
    assert {each.levelname for each in caplog.records if "SECURITY: s" in each.message} == {
        "CRITICAL"
    }
    (failed,) = thread.records("lease.failed")
    assert "secret-id-accessor/destroy" in str(failed.body["reason"])
    assert wrapped.token.get_secret_value() not in str(failed.body)


def test_an_agent_that_was_disabled_stops_at_once(
    desk: Desk, ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Its entity is switched off while its refund waits: its login is worth nothing any more."""
    thread = billing(desk)
    with connected(ground) as vault:
        first = billing(over(desk, vault))
        first.answer(first.ask())
        interrupt = thread.ask()
        with disabled(ground):
            thread.under(billing(over(desk, vault)).app).answer(interrupt)
        assert desk.refunded == [500]
        assert thread.results() == [REFUSAL]
        assert "its entity is disabled" in operators_log(caplog)[-1]

        later = billing(over(desk, vault))
        later.answer(later.ask())
    assert desk.refunded == [500, 500]


@pytest.mark.parametrize("seconds", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_a_clock_that_is_off_by_an_hour(desk: Desk, ground: Ground, seconds: float) -> None:
    """Vault's clock or ours: only durations count, so the refund is paid and its lease ended."""
    with skewed(ground, seconds) as (vault, connection):
        thread = billing(over(desk, connection))
        thread.answer(thread.ask())

        assert desk.refunded == [500]
        (granted,) = thread.records("lease.granted")
        assert granted.body["ttl"] == 60
        assert len(thread.ended()) == 1
        assert [token.role for token in vault.live_tokens() if token.role] == []


def strike(status: int) -> Callable[[DevelopmentVault], None]:
    """Return what makes Vault answer everything with a status."""
    return lambda vault: vault.faults.add(Fault(path="auth/*", times=999, status=status))


@pytest.mark.parametrize("befall", [DevelopmentVault.seal, strike(429)], ids=["sealed", "429"])
def test_a_vault_of_no_use_is_not_stormed(
    desk: Desk,
    ground: Ground,
    caplog: pytest.LogCaptureFixture,
    befall: Callable[[DevelopmentVault], None],
) -> None:
    """Of forty calls a handful reaches Vault; each is refused, and the operator knows how long."""
    looks = asks(*[("look_up_order", {"order_id": ORDER})] * 20)
    with with_logins(ground, ground.surroundings.logins) as vault:
        moved = over(desk, vault)
        before = len(desk.vault.requests)
        befall(desk.vault)
        for _ in range(2):
            agent = moved.specialist(looks, desk.tools.look_up_order, name="orders")
            thread = moved.thread(agent)
            thread.run({"messages": [HumanMessage("look it up")]})
            assert (
                thread.results()
                == ["look_up_order did not run. No credential could be had for it."] * 20
            )
        reached = len(desk.vault.requests) - before
        desk.vault.faults.clear()
        desk.vault.unseal()

    assert reached <= THRESHOLD
    assert "nothing is sent to it for another " in operators_log(caplog)[-1]


def test_after_a_storm_the_desk_works_again(desk: Desk, ground: Ground) -> None:
    """Whoever connects anew, or waits for the pause to end, is served."""
    with sealed(ground), with_logins(ground, ground.surroundings.logins) as vault:
        thread = billing(over(desk, vault))
        thread.answer(thread.ask())
    assert desk.refunded == []

    thread = billing(desk)
    thread.answer(thread.ask())
    assert desk.refunded == [500]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path=LOGIN, loses="answer"),
        Fault(path=MINT, loses="answer"),
        Fault(path=MINT, status=429),
    ],
    ids=["login lost", "mint lost", "mint 429"],
)
def test_what_could_lease_twice_is_asked_for_once(desk: Desk, ground: Ground, fault: Fault) -> None:
    """A call whose login or child got no good answer ends there: nothing is tried again for it."""
    thread = billing(desk)
    interrupt = thread.ask()
    before = {path: asked(desk.vault, path) for path in (LOGIN, MINT)}
    desk.vault.faults.add(Fault(path=fault.path, status=fault.status, loses=fault.loses, times=1))
    with connected(ground) as vault:
        thread.under(billing(over(desk, vault)).app).answer(interrupt)

    assert desk.refunded == []
    assert thread.results() == [REFUSAL]
    assert asked(desk.vault, fault.path) - before[fault.path] <= 1
    assert asked(desk.vault, LOGIN) - before[LOGIN] <= 1
    assert desk.live_children() == []
