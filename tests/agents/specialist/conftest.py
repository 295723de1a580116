"""Owns what the tests of a specialist share: how it is driven, and a tool that pays."""

import pytest
from tests.agents.specialist.thinkers import Paid
from tests.driven import Drive
from tests.tools.governed import pay_tool

from bailiwick.tools.declared.scoped import ScopedTool


@pytest.fixture(params=[False, True], ids=["invoke", "ainvoke"])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Give both ways to drive a graph in turn."""
    return Drive(is_async=request.param)


@pytest.fixture
def paid() -> Paid:
    """Give the list of what was paid."""
    return []


@pytest.fixture
def pay(paid: Paid) -> ScopedTool:
    """Give a tool that pays."""
    return pay_tool(paid)
