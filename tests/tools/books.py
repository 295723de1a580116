"""Owns the database that dynamic users are made for in tests: one table, and who may read it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from tests.conftest import Cluster

from bailiwick.tools.provision import VaultOperator

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

    def let_lease(self, operator: VaultOperator) -> None:
        """Have Vault make users of the role `reader` here, who may read the table."""
        operator.write(
            "database/config/books",
            plugin_name="postgresql-database-plugin",
            allowed_roles="*",
            connection_url=self.template,
            username=self.administrator,
        )
        operator.write(
            "database/roles/reader", db_name="books", creation_statements=CREATE, default_ttl=60
        )

    def count_as(self, username: str, password: str) -> int:
        """Read the table as a user."""
        with psycopg.connect(self.url, user=username, password=password) as connection:
            row = connection.execute("SELECT count(*) FROM orders").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def open_books(cluster: Cluster) -> Generator[Books]:
    """Make a database with a table of two orders, and leave no user behind: others share it."""
    url = cluster.create_database()
    address = urlsplit(url)
    template = f"postgresql://{{{{username}}}}:{{{{password}}}}@{address.path}?{address.query}"
    made = Books(url=url, template=template, administrator=cluster.user)
    made.execute("CREATE TABLE orders AS SELECT generate_series(1, 2) AS id")
    yield made
    for name in made.users():
        made.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')
