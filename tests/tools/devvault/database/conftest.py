"""A database engine over a PostgreSQL server, with one role that may read one table."""

from collections.abc import Callable, Iterator

import pytest
from tests.conftest import Cluster
from tests.tools.books import CREATE, Books, open_books
from tests.tools.devvault.clients import Hvac


@pytest.fixture
def books(postgres_cluster: Cluster) -> Iterator[Books]:
    """Give the database."""
    with open_books(postgres_cluster) as opened:
        yield opened


@pytest.fixture
def engine(root: Hvac, books: Books) -> Hvac:
    """Give hvac's database API, the engine mounted and configured for the database."""
    root.sys.enable_secrets_engine("database")
    database = root.secrets.database
    database.configure(
        "books",
        plugin_name="postgresql-database-plugin",
        allowed_roles=["reader", "night-*"],
        connection_url=books.template,
        username=books.administrator,
        password="unused",
    )
    database.create_role(
        "reader", db_name="books", creation_statements=CREATE, default_ttl="60s", max_ttl="100s"
    )
    return database


@pytest.fixture
def reader(child: Callable[..., Hvac]) -> Hvac:
    """Give a client that may ask for the role's users."""
    return child('path "database/creds/reader" { capabilities = ["read"] }')
