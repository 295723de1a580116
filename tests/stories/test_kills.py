"""Promise 4: a worker may be killed at any moment; no refund is made twice, no thread is stuck.

Every death is a real SIGKILL of a real process. Some are told here, all of them by `make kills`.
"""

from collections import Counter

import pytest
from tests.conftest import LIVED
from tests.stories.conftest import Report
from tests.stories.kills import IN_DOUBT, KNOWN, NOT_MADE, REQUESTS, Carriers


@pytest.mark.parametrize(
    ("way", "first"),
    [("sqlite-sync", 0), ("postgresql-async", 1)],
    indirect=["way"],
    scope="module",
)
def test_a_worker_dies_at_its_steps(carriers: Carriers, first: int, report: Report) -> None:
    """Killed before every other transaction of the ledger or checkpoint, from the answer on."""
    outcomes = carriers.die_at((step,) for step in carriers.steps()[first::2])

    # Of the few steps between the intent and the outcome, every other one may leave out a kind.
    assert KNOWN in outcomes
    assert {IN_DOUBT, NOT_MADE} & outcomes.keys()
    assert outcomes[LIVED] <= 2
    report(outcomes, deaths=1)


@pytest.mark.parametrize("way", ["sqlite-async", "postgresql-sync"], indirect=True, scope="module")
def test_a_worker_dies_in_the_middle_of_a_request(carriers: Carriers, report: Report) -> None:
    """Killed while Vault or the shop has its request, and while it waits for their answer."""
    outcomes = {request: carriers.die_in(*request) for request in REQUESTS}

    assert outcomes == REQUESTS
    report(Counter(outcomes.values()), deaths=1)
