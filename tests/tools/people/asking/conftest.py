"""Owns what the tests of asking share: a guard, and a desk with the tool that pays."""

from collections.abc import Iterator

import pytest
from tests.tools.governed import load_policy, pay_tool
from tests.tools.people.asking.desk import Desk

from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.toolsets import Toolset


@pytest.fixture
def guard(sqlite_url: str) -> Iterator[Guard]:
    """Give a guard whose ledger is in a file."""
    ledger = Ledger(sqlite_url)
    yield Guard(policy=load_policy(), ledger=ledger)
    ledger.close()


@pytest.fixture
def desk(guard: Guard) -> Desk:
    """Give a desk with the tool that pays."""
    return Desk(guard, Toolset(guard, [pay_tool([])], agent="billing"))
