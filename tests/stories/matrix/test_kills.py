"""Promise 4, at every fault point there is, in each way: `make kills`."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

from tests.conftest import LIVED
from tests.stories.conftest import Report
from tests.stories.kills import IN_DOUBT, KNOWN, NOT_MADE, REQUESTS, Carriers
from tests.stories.rules import WHOLE_GATE, changed_policy

ALL = {KNOWN, IN_DOUBT, NOT_MADE}
ROUNDS = 3


def in_all_ways(die: Callable[[], Counter[str]], *, lived: int) -> Counter[str]:
    """Kill workers until each outcome was met: steps differ by one or two from run to run."""
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        each = die()
        assert each[LIVED] <= lived
        outcomes += each
        if outcomes.keys() >= ALL:
            return outcomes
    raise AssertionError(outcomes)


def test_a_worker_dies_in_the_middle_of_a_request(carriers: Carriers, report: Report) -> None:
    """Killed while Vault or the shop has its request, and while it waits for their answer."""
    # The first story: what killed workers left behind the next one ends, and logs in for that.
    outcomes = {request: carriers.die_in(*request) for request in REQUESTS}

    assert outcomes == REQUESTS
    report(Counter(outcomes.values()), deaths=1)


def test_a_worker_dies_at_each_of_its_steps(carriers: Carriers, report: Report) -> None:
    """Killed before each transaction of the ledger and each checkpoint, from the answer on."""
    outcomes = in_all_ways(lambda: carriers.die_at((step,) for step in carriers.steps()), lived=2)

    report(outcomes, deaths=1)


def test_a_worker_dies_at_each_step_from_the_request_on(carriers: Carriers, report: Report) -> None:
    """Killed as it hands over, looks up, decides, asks: nothing of it is lost or done twice."""
    steps = carriers.steps(from_the_request=True)
    outcomes = in_all_ways(
        lambda: carriers.die_at(((step,) for step in steps), from_the_request=True), lived=3
    )

    report(outcomes, deaths=1)


def test_a_worker_dies_at_each_step_where_nobody_is_asked(
    carriers: Carriers, report: Report, tmp_path: Path
) -> None:
    """What the rules allow is as safe as what somebody approved."""
    changed_policy(tmp_path, (WHOLE_GATE, ""))
    unasked = replace(carriers, policy=str(tmp_path))
    steps = unasked.steps(from_the_request=True)
    outcomes = in_all_ways(
        lambda: unasked.die_at(((step,) for step in steps), from_the_request=True), lived=3
    )

    report(outcomes, deaths=1)


def test_two_workers_die_one_after_the_other(carriers: Carriers, report: Report) -> None:
    """The second is killed while it carries on what the first has left."""
    pairs = list(product(carriers.steps()[::2], (1, 4)))
    outcomes = in_all_ways(lambda: carriers.die_at(pairs), lived=len(pairs) // 2)

    report(outcomes, deaths=2)
