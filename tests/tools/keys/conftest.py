"""Owns the Vault and the ledger that tests of keys use."""

from collections.abc import Iterator

import pytest
from tests.sealed import House, open_house

from bailiwick.tools.devvault import DevelopmentVault


@pytest.fixture
def house(devvault: DevelopmentVault, database_url: str) -> Iterator[House]:
    """A Vault with the services of the house, and a ledger."""
    with open_house(devvault, database_url) as opened:
        yield opened
