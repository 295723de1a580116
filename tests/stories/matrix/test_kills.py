"""Promise 4, at every fault point there is, in each way: `make kills`."""

from collections import Counter
from itertools import product

from tests.conftest import LIVED
from tests.stories.conftest import Report
from tests.stories.kills import IN_DOUBT, KNOWN, NOT_MADE, REQUESTS, Carriers


def test_a_worker_dies_in_the_middle_of_a_request(carriers: Carriers, report: Report) -> None:
    """Killed while Vault or the shop has its request, and while it waits for their answer."""
    # The first story: what killed workers left behind the next one ends, and logs in for that.
    outcomes = {request: carriers.die_in(*request) for request in REQUESTS}

    assert outcomes == REQUESTS
    report(Counter(outcomes.values()), deaths=1)


def test_a_worker_dies_at_each_of_its_steps(carriers: Carriers, report: Report) -> None:
    """Killed before each transaction of the ledger and each checkpoint, from the answer on."""
    outcomes = carriers.die_at((step,) for step in carriers.steps())

    assert outcomes.keys() >= {KNOWN, IN_DOUBT, NOT_MADE}
    assert outcomes[LIVED] <= 2
    report(outcomes, deaths=1)


def test_a_worker_dies_at_each_step_from_the_request_on(carriers: Carriers, report: Report) -> None:
    """Killed as it hands over, looks up, decides, asks: nothing of it is lost or done twice."""
    steps = carriers.steps(from_the_request=True)
    outcomes = carriers.die_at(((step,) for step in steps), from_the_request=True)

    assert outcomes.keys() >= {KNOWN, IN_DOUBT, NOT_MADE}
    assert outcomes[LIVED] <= 3
    report(outcomes, deaths=1)


def test_two_workers_die_one_after_the_other(carriers: Carriers, report: Report) -> None:
    """The second is killed while it carries on what the first has left."""
    outcomes = carriers.die_at(product(carriers.steps()[::2], (1, 4)))

    assert outcomes.keys() >= {KNOWN, IN_DOUBT, NOT_MADE}
    report(outcomes, deaths=2)
