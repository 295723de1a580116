"""Workers that start at once, and a PostgreSQL that was started again."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg import Connection
from tests.conftest import Cluster
from tests.graphs.checkpoints.opened import CONFIG, opening

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer
from bailiwick.graphs.checkpoints.postgres_pools import Pool
from bailiwick.policies.errors import SettingsError


def test_several_workers_start_at_once_on_a_new_database(database_url: str) -> None:
    """Whoever comes first makes the tables, the others find them."""
    begin = threading.Barrier(6)

    def start(way: str) -> None:
        begin.wait()
        opening(database_url, way)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(start, ["sync", "async"] * 3)) == [None] * 6


def test_a_worker_that_makes_the_tables_for_long_is_waited_for(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moving the tables of an older LangGraph can take a while; who gives up says why."""
    making, made, make = threading.Event(), threading.Event(), PostgresSaver.setup

    def slowly(saver: PostgresSaver) -> None:
        making.set()
        made.wait(60)
        make(saver)

    monkeypatch.setattr(PostgresSaver, "setup", slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(opening, postgres_url, "sync")
        assert making.wait(60)
        monkeypatch.setattr("bailiwick.graphs.checkpoints.postgres_pools.PATIENCE", 0.1)
        with pytest.raises(SettingsError, match="is being prepared by another process"):
            opening(postgres_url, "async")
        monkeypatch.undo()
        second = pool.submit(opening, postgres_url, "async")
        made.set()
        assert (first.result(), second.result()) == (None, None)


OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def are_several(url: str) -> bool:
    """Tell whether there are several connections to a database by now."""
    with Connection.connect(url, autocommit=True) as connection:
        return len(connection.execute(f"SELECT {OTHERS}").fetchall()) > 3


def cut(url: str) -> None:
    """End every other connection to a database, as a server does that is started again."""
    with Connection.connect(url, autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid, 10000) {OTHERS}")


def test_connections_that_were_cut_are_not_used(postgres_url: str) -> None:
    """However many the pool had: the next call gets a new one, and soon."""
    with open_checkpointer(postgres_url) as saver:
        with ThreadPoolExecutor(10) as several:
            while not are_several(postgres_url):
                list(several.map(saver.get_tuple, [CONFIG] * 100))
        cut(postgres_url)
        assert [saver.get_tuple(CONFIG) for _ in range(20)] == [None] * 20


async def test_connections_that_were_cut_are_not_awaited(postgres_url: str) -> None:
    """The same on an event loop."""
    async with open_async_checkpointer(postgres_url) as saver:
        while not await asyncio.to_thread(are_several, postgres_url):
            await asyncio.gather(*(saver.aget_tuple(CONFIG) for _ in range(100)))
        await asyncio.to_thread(cut, postgres_url)
        assert [await saver.aget_tuple(CONFIG) for _ in range(20)] == [None] * 20


async def test_a_database_without_an_encoding(postgres_cluster: Cluster) -> None:
    """As PostgreSQL makes them where there is no locale: texts are texts there, too."""
    url = postgres_cluster.create_database(encoding="SQL_ASCII")
    with open_checkpointer(url) as saver:
        assert saver.get_tuple(CONFIG) is None
    async with open_async_checkpointer(url) as saver:
        assert await saver.aget_tuple(CONFIG) is None


def test_a_network_that_is_gone_is_noticed_soon(postgres_url: str) -> None:
    """After seconds, not after hours; what the URL says counts more."""
    with Pool(f"{postgres_url}&keepalives_idle=40") as pool, pool.connection() as connection:
        told = connection.info.get_parameters()

    assert (told["tcp_user_timeout"], told["keepalives_idle"]) == ("30000", "40")
