"""Owns the fixture that the tests of deliveries share: the outbox."""

import pytest

from bailiwick.tools.people.deliveries import Deliveries
from bailiwick.tools.records.ledger import Ledger


@pytest.fixture
def outbox(ledger: Ledger) -> Deliveries:
    """Give the outbox of that ledger."""
    return Deliveries(ledger)
