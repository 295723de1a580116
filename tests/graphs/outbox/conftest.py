"""Owns the till that the tests of deliveries use: on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.graphs.till import (
    Book,
    Till,
    opened_till,
)
from tests.tools.governed import load_policy

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.policies import Policy


@pytest.fixture
def policy() -> Policy:
    """Give the till's rules."""
    return load_policy()


@pytest.fixture
def checkpoints(database_url: str, tmp_path: Path) -> str:
    """Give the database of checkpoints, of the same kind as the ledger's."""
    is_sqlite = database_url.startswith("sqlite")
    return f"sqlite:///{tmp_path / 'checkpoints.db'}" if is_sqlite else database_url


@pytest.fixture
def till(database_url: str, checkpoints: str, policy: Policy, tmp_path: Path) -> Iterator[Till]:
    """Give an open till on each kind of database."""
    book = Book(tmp_path / "book.db")
    with (
        open_checkpointer(checkpoints) as checkpointer,
        opened_till(database_url, checkpointer, book, policy) as opened,
    ):
        yield opened
