"""Owns what the tests of plans share: an operator's connection, and a desk that is set up."""

from collections.abc import Iterator

import pytest
from tests.tools.provision.plans.declared import DESK

from bailiwick.tools.provision import (
    Registry,
    VaultOperator,
    make_plan,
)


@pytest.fixture
def operator(vault_operator: VaultOperator) -> Iterator[VaultOperator]:
    """An operator's connection, after which nothing of ours is left."""
    yield vault_operator
    make_plan(vault_operator, Registry(), prune=True).apply(vault_operator)


@pytest.fixture
def settled(operator: VaultOperator) -> VaultOperator:
    """The same, where the desk has been set up."""
    make_plan(operator, DESK).apply(operator)
    return operator
