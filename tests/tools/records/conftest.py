"""Owns the fixture that the tests of records share: a ledger in memory."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from bailiwick.tools.records.ledger import Ledger


@pytest.fixture
def memory() -> Iterator[Ledger]:
    """Give an empty ledger in memory."""
    with closing(Ledger("sqlite://")) as opened:
        yield opened
