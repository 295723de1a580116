"""Promise 2, over and over, in each way: `make kills`."""

from collections import Counter
from collections.abc import Callable

import pytest
from tests.stories import races
from tests.stories.conftest import Report
from tests.stories.desk import Desk
from tests.stories.kills import Carriers

ROUNDS = 10


@pytest.mark.parametrize("race", [*races.AT_ONCE, races.every_answer])
def test_an_approval_in_32_threads_at_once(
    desk: Desk, report: Report, race: Callable[[Desk], str]
) -> None:
    """Whoever is late finds that it is done; of approvals and rejections the first counts."""
    outcomes = Counter(race(desk) for _ in range(ROUNDS))

    assert outcomes.keys() <= {races.ONE_REFUND, races.REJECTED}
    report(outcomes)


@pytest.mark.parametrize("race", races.FROM_PROCESSES)
def test_an_approval_in_four_processes_at_once(
    carriers: Carriers, report: Report, race: Callable[[Carriers], str]
) -> None:
    """Safety lies in the database, not in a process."""
    outcomes = Counter(race(carriers) for _ in range(ROUNDS))

    assert outcomes == {races.ONE_REFUND: ROUNDS}
    report(outcomes)
