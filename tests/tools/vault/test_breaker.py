"""The circuit breaker: a Vault that fails again and again is left alone, and found again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.tools.vault.leasing import Clock

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.vault.answers import Answer
from bailiwick.tools.vault.breaker import PAUSE, THRESHOLD, Breaker
from bailiwick.tools.vault.wire import Wire


def fail(breaker: Breaker, times: int = 1) -> None:
    """Let requests fail."""
    for _ in range(times):
        assert breaker.admit() is None
        breaker.report("Vault is sealed: unseal it")


def ask(wire: Wire) -> Answer:
    """Ask for what needs no token."""
    return wire.request("POST", "sys/wrapping/lookup", json={"token": "none"}, to="look")


def test_a_new_breaker_admits(clock: Clock) -> None:
    """Nothing has failed yet."""
    assert Breaker(clock).admit() is None


def test_a_success_in_between_starts_the_count_anew(clock: Clock) -> None:
    """Only failures in a row open it."""
    breaker = Breaker(clock)
    for _ in range(3):
        fail(breaker, THRESHOLD - 1)
        assert breaker.admit() is None
        breaker.report(None)


def test_an_open_breaker_refuses_with_the_last_remedy_and_the_time(clock: Clock) -> None:
    """The operator reads what is wrong, and when Vault is asked again."""
    breaker = Breaker(clock)
    fail(breaker, THRESHOLD)
    clock.now += 3

    assert breaker.admit() == (
        "Vault is sealed: unseal it; it failed 5 times in a row or more, so nothing is sent to it "
        "for another 7 s"
    )


def test_after_the_pause_one_request_tries(clock: Clock) -> None:
    """Of many that come, one goes; its success closes the circuit."""
    breaker = Breaker(clock)
    fail(breaker, THRESHOLD)
    clock.now += PAUSE

    assert breaker.admit() is None
    assert breaker.admit() is not None
    breaker.report(None)

    assert breaker.admit() is None
    assert breaker.admit() is None


def test_a_probe_that_fails_opens_it_for_another_pause(clock: Clock) -> None:
    """Nothing but the probe reached Vault."""
    breaker = Breaker(clock)
    fail(breaker, THRESHOLD)
    clock.now += PAUSE
    fail(breaker)

    clock.now += PAUSE - 1
    assert breaker.admit() is not None
    clock.now += 1
    assert breaker.admit() is None


def test_what_was_under_way_when_it_opened_changes_nothing(clock: Clock) -> None:
    """A late answer to an old question neither closes it nor prolongs the pause."""
    breaker = Breaker(clock)
    assert breaker.admit() is None
    assert breaker.admit() is None
    fail(breaker, THRESHOLD)
    clock.now += PAUSE - 1
    breaker.report(None)
    assert breaker.admit() is not None
    breaker.report("late")
    clock.now += 1

    assert breaker.admit() is None


def test_threads_share_one_count(clock: Clock) -> None:
    """Sixty-four that fail at once open it; none is lost, none goes after it."""
    breaker = Breaker(clock)

    def go(_: int) -> bool:
        is_admitted = breaker.admit() is None
        if is_admitted and clock.now < 101:
            breaker.report("down")
        return is_admitted

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(go, range(64)))
        assert breaker.admit() is not None
        clock.now += PAUSE
        assert list(pool.map(go, range(64))).count(True) == 1


def strike(**fault: int) -> Callable[[DevelopmentVault], None]:
    """Return what strikes every request with a status."""
    return lambda devvault: devvault.faults.add(Fault(path="*", times=99, status=fault["status"]))


@pytest.mark.parametrize(
    "befall",
    [DevelopmentVault.seal, DevelopmentVault.stop, strike(status=500), strike(status=429)],
    ids=["sealed", "down", "500", "429"],
)
def test_a_vault_of_no_use_is_sent_nothing_more(
    devvault: DevelopmentVault, clock: Clock, befall: Callable[[DevelopmentVault], None]
) -> None:
    """After five failures the sixth request is refused here, until the pause is over."""
    wire = Wire(devvault.address, timeout=(5, 5), verify=True, production=False, clock=clock)
    befall(devvault)
    for _ in range(THRESHOLD):
        try:
            assert ask(wire).trouble
        except VaultError:
            continue
    before = len(devvault.requests)

    with pytest.raises(VaultError, match=r"in a row or more, so nothing is sent to it for anoth"):
        ask(wire)
    assert len(devvault.requests) == before

    devvault.faults.clear()
    devvault.unseal()
    devvault.start()
    wire.close()


def test_a_vault_that_recovers_is_used_again(devvault: DevelopmentVault, clock: Clock) -> None:
    """One probe finds it out."""
    wire = Wire(devvault.address, timeout=(5, 5), verify=True, production=False, clock=clock)
    devvault.faults.add(Fault(path="*", times=THRESHOLD, status=503))
    for _ in range(THRESHOLD):
        ask(wire)
    clock.now += PAUSE

    assert ask(wire).status == 400
    assert ask(wire).status == 400
    wire.close()


@pytest.mark.parametrize("status", [400, 403, 404])
def test_one_callers_refusals_open_nothing(
    devvault: DevelopmentVault, clock: Clock, status: int
) -> None:
    """A denial is an answer: Vault works."""
    wire = Wire(devvault.address, timeout=(5, 5), verify=True, production=False, clock=clock)
    devvault.faults.add(Fault(path="*", times=20, status=status))

    assert {ask(wire).status for _ in range(20)} == {status}
    devvault.faults.clear()
    wire.close()


def test_its_health_can_be_asked_for_while_it_is_open(
    devvault: DevelopmentVault, clock: Clock
) -> None:
    """The operator who unsealed it need not wait to see that it works."""
    wire = Wire(devvault.address, timeout=(5, 5), verify=True, production=False, clock=clock)
    devvault.seal()
    for _ in range(THRESHOLD):
        ask(wire)

    assert wire.health().status == 503
    devvault.unseal()
    assert wire.health().status == 200
    wire.close()


def test_a_production_that_finds_no_vault_is_not_kept_waiting(clock: Clock) -> None:
    """The look at who answers there, before anything secret is sent, counts like a request."""
    wire = Wire("http://127.0.0.1:1", timeout=(0.5, 0.5), verify=True, production=True, clock=clock)
    for _ in range(THRESHOLD):
        with pytest.raises(VaultError, match="does not answer"):
            ask(wire)

    with pytest.raises(VaultError, match="nothing is sent to it for another 10 s"):
        ask(wire)
    wire.close()
