"""Owns the fixtures of the supervisor's tests."""

import asyncio
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from tests.graphs.fakes import Agent, Office, Run


@pytest.fixture
def office() -> Office:
    """Give what makes agents and remembers what they have read."""
    return Office()


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    """Give what runs a graph, synchronously and asynchronously in turn."""

    def invoke(
        app: Agent, given: str | dict[str, Any] | None, config: RunnableConfig | None = None
    ) -> dict[str, Any]:
        if isinstance(given, str):
            given = {"messages": [HumanMessage(given)]}
        if request.param == "sync":
            return app.invoke(given, config)
        return asyncio.run(app.ainvoke(given, config))

    return invoke
