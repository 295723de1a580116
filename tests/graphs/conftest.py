"""Owns what the tests of graphs share: offices of agents, ways to run them, a started server."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph_sdk.client import SyncLangGraphClient
from tests.graphs.clients import MANAGER
from tests.graphs.fakes import Agent, Office, Run
from tests.graphs.served import Server, serve_desk


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for the tests of a module."""
    with serve_desk(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def clerk(server: Server) -> Iterator[SyncLangGraphClient]:
    """Give the client of somebody who may ask."""
    with server.client("clerk") as client:
        yield client


@pytest.fixture(scope="module")
def manager(server: Server) -> Iterator[SyncLangGraphClient]:
    """Give the client of somebody who may approve."""
    with server.client(*MANAGER) as client:
        yield client
