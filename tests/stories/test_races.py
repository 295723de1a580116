"""Promise 2: any number of workers on one thread make one refund.

Each race is run once here, and many times by `make kills`.
"""

from collections import Counter
from collections.abc import Callable

import pytest
from tests.stories import races
from tests.stories.conftest import Report
from tests.stories.desk import Desk
from tests.stories.kills import Carriers


@pytest.mark.parametrize("race", races.AT_ONCE)
def test_an_approval_in_32_threads_at_once(
    desk: Desk, report: Report, race: Callable[[Desk], str]
) -> None:
    """Whoever is late finds that it is done, however it got there."""
    outcomes = Counter([race(desk)])

    assert outcomes == {races.ONE_REFUND: 1}
    report(outcomes)


def test_approvals_and_rejections_at_once(desk: Desk, report: Report) -> None:
    """Whoever decided first has decided; nothing is made and rejected."""
    outcomes = Counter([races.every_answer(desk)])

    assert outcomes.keys() <= {races.ONE_REFUND, races.REJECTED}
    report(outcomes)


@pytest.mark.parametrize("race", races.FROM_PROCESSES)
def test_an_approval_in_four_processes_at_once(
    carriers: Carriers, report: Report, race: Callable[[Carriers], str]
) -> None:
    """Safety lies in the database, not in a process."""
    outcomes = Counter([race(carriers)])

    assert outcomes == {races.ONE_REFUND: 1}
    report(outcomes)
