"""For how long the process remembers what its tools hold, and of how much."""

import pytest

from bailiwick.policies.redaction import MASK, Redactor
from bailiwick.tools.secrets.held import LASTS, MOST, Held

SECRET = "s3cr3t/key+with=signs"
OTHER = "another-secret-2"


class Clock:
    """Tell the time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def held(clock: Clock) -> Held:
    """Give the memory of a process in which nothing was leased yet."""
    return Held(clock)


def test_without_a_lease_nothing_is_looked_for(held: Held) -> None:
    """Not even for what a call without a secret leaves."""
    with held.holding(Redactor(())):
        assert held.redactor().secrets == frozenset()
    assert held.redactor().secrets == frozenset()


def test_all_that_is_held_is_looked_for_together(held: Held) -> None:
    """Calls go on beside each other, and one log is theirs."""
    with held.holding(Redactor([SECRET])), held.holding(Redactor([OTHER])):
        assert held.redactor().text(f"{SECRET} {OTHER} 7") == f"{MASK} {MASK} 7"
        assert held.redactor().text("s3cr3t/key\n  +with=signs") == MASK


def test_what_was_held_is_looked_for_until_its_time_is_over(held: Held, clock: Clock) -> None:
    """However long the call takes: its time begins when it ends."""
    with held.holding(Redactor([SECRET])):
        clock.now += 2 * LASTS
        assert held.redactor().secrets == {SECRET}
    clock.now += LASTS - 1
    assert held.redactor().secrets == {SECRET}
    clock.now += 1
    assert held.redactor().secrets == frozenset()


def test_a_secret_that_is_leased_again_is_remembered_anew(held: Held, clock: Clock) -> None:
    """As one: calls often hold equal ones, and one that ends takes nothing from another."""
    with held.holding(Redactor([SECRET])):
        with held.holding(Redactor([SECRET])):
            clock.now += 1
        clock.now += LASTS
        assert held.redactor().secrets == {SECRET}
    clock.now += LASTS - 1
    assert held.redactor().secrets == {SECRET}


def test_the_last_secrets_alone_are_remembered(held: Held) -> None:
    """However many calls end: neither memory nor the time that a log line takes grows on."""
    with held.holding(Redactor(["secret-held"])):
        for each in range(2 * MOST):
            with held.holding(Redactor([f"secret-{each}"])):
                pass
        last = {f"secret-{each}" for each in range(MOST, 2 * MOST)}
        assert held.redactor().secrets == {"secret-held", *last}
