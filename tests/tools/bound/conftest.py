"""Owns what the tests of bound tools share: foreign graphs, and a tool that pays in them."""

from collections.abc import Callable, Iterator

import pytest
from langchain_core.tools import BaseTool
from tests.driven import Drive, Graph
from tests.tools.bound.foreign import Paid, agent_graph, node_graph
from tests.tools.governed import load_policy, pay_tool

from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger


@pytest.fixture(params=[agent_graph, node_graph], ids=["create_agent", "tool node"])
def graph_of(request: pytest.FixtureRequest) -> Callable[..., Graph]:
    """Give both kinds of foreign graph in turn."""
    kind: Callable[..., Graph] = request.param
    return kind


@pytest.fixture(params=[False, True], ids=["invoke", "ainvoke"])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Give both ways to drive a graph in turn."""
    return Drive(is_async=request.param)


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Give a guard without a vault."""
    ledger = Ledger("sqlite://")
    yield Guard(policy=load_policy(), ledger=ledger)
    ledger.close()


@pytest.fixture
def paid() -> Paid:
    """Give the list of what was paid."""
    return []


@pytest.fixture
def bound(guard: Guard, paid: Paid) -> list[BaseTool]:
    """Give the tool that pays, bound for billing."""
    return guard.bind([pay_tool(paid)], agent="billing")
