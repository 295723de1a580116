"""Owns what the tests of sealed checkpoints share: a Vault, its services, and each saver sealed."""

import asyncio
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from tests.sealed import House, open_house
from tests.stories.engines import (
    AsyncEngine,
    Engine,
    SyncEngine,
    open_async_engine,
    open_sync_engine,
)

from bailiwick.graphs.checkpoints.sealed_saver import SealedSaver
from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.tools.devvault import DevelopmentVault

SAVERS = ("memory", "sqlite", "postgresql")


@pytest.fixture(scope="session")
def devvault() -> Iterator[DevelopmentVault]:
    """A development Vault that runs all the while."""
    with DevelopmentVault() as running:
        yield running


@pytest.fixture
def house(devvault: DevelopmentVault) -> Iterator[House]:
    """A Vault with the services of the house, and a ledger in memory."""
    with open_house(devvault, "sqlite://") as opened:
        yield opened


@contextmanager
def in_memory(way: str, sealing: SealingSerializer) -> Generator[Engine]:
    """Keep checkpoints in memory."""
    saver = SealedSaver(InMemorySaver(), sealing)
    if way == "sync":
        yield SyncEngine(saver)
        return
    with asyncio.Runner() as loop:
        yield AsyncEngine(saver, loop)


@pytest.fixture(params=[f"{saver}-{way}" for saver in SAVERS for way in ("sync", "async")])
def engine(request: pytest.FixtureRequest, house: House) -> Generator[Engine]:
    """Run graphs on each saver, sealed."""
    saver, way = str(request.param).split("-")
    with ExitStack() as opened:
        if saver == "memory":
            yield opened.enter_context(in_memory(way, house.sealing()))
            return
        fixture = "postgres_url" if saver == "postgresql" else "sqlite_url"
        url = str(request.getfixturevalue(fixture))
        open_engine = open_sync_engine if way == "sync" else open_async_engine
        yield opened.enter_context(open_engine(url, house.sealing()))
