"""A database engine over a PostgreSQL server, with one role that may read one table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.conftest import Cluster

# hvac has no types.
Hvac: TypeAlias = Any

CREATE = (
    """CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'""",
    """GRANT SELECT ON orders TO "{{name}}" """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Hold the database that users are made for."""

    url: str
    template: str
    administrator: str

    def users(self) -> list[str]:
        """Return the users that the server knows beside its administrator."""
        query = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> %s ORDER BY 1"
        with psycopg.connect(self.url) as connection:
            return [name for (name,) in connection.execute(query, [self.administrator]).fetchall()]

    def execute(self, statement: str) -> None:
        """Run a statement as the administrator."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def count_as(self, username: str, password: str) -> int:
        """Read the table as a user."""
        with psycopg.connect(self.url, user=username, password=password) as connection:
            row = connection.execute("SELECT count(*) FROM orders").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def books(postgres_cluster: Cluster) -> Iterator[Books]:
    """Give a database with a table of two orders, and leave no user behind: others share it."""
    url = postgres_cluster.create_database()
    address = urlsplit(url)
    template = f"postgresql://{{{{username}}}}:{{{{password}}}}@{address.path}?{address.query}"
    made = Books(url=url, template=template, administrator=postgres_cluster.user)
    made.execute("CREATE TABLE orders AS SELECT generate_series(1, 2) AS id")
    yield made
    for name in made.users():
        made.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


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
