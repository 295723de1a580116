"""The database engine's connections and roles: what they refuse, name, hide and rotate."""

import re
from typing import Any

import psycopg
import pytest
from hvac.exceptions import InternalServerError, InvalidRequest
from tests.tools.books import CREATE, Books
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault


def test_a_roles_own_revocation_is_used(engine: Hvac, root: Hvac, books: Books) -> None:
    """As the operator wrote it, several statements in one text too."""
    drop = 'DROP OWNED BY "{{name}}"; DROP ROLE "{{name}}"'
    engine.create_role("reader", "books", CREATE, default_ttl=60, revocation_statements=drop)
    answer = engine.generate_credentials("reader")
    user = answer["data"]["username"]
    books.execute(f'GRANT CREATE ON SCHEMA public TO "{user}"')
    books.execute(f'SET ROLE "{user}"; CREATE TABLE dropped (); RESET ROLE')

    root.sys.revoke_lease(answer["lease_id"])

    assert books.users() == []


def test_a_password_is_never_read_back(engine: Hvac) -> None:
    """Neither the administrator's field nor the one in a URL."""
    engine.configure(
        "books",
        plugin_name="postgresql-database-plugin",
        verify_connection=False,
        connection_url="postgresql://admin:hunter2@127.0.0.1:1/books",
    )
    shown = engine.read_connection("books")

    assert "unused" not in str(shown)
    assert "hunter2" not in str(shown)
    assert shown["data"]["plugin_name"] == "postgresql-database-plugin"
    assert shown["data"]["connection_details"]["connection_url"].startswith("postgresql://admin:**")


def test_a_role_that_the_connection_does_not_allow(engine: Hvac) -> None:
    """A star at the end allows a family of names."""
    for name in ("writer", "night-reader"):
        engine.create_role(name, "books", CREATE)
    with pytest.raises(InternalServerError, match='"writer" is not an allowed role'):
        engine.generate_credentials("writer")
    assert engine.generate_credentials("night-reader")["data"]["username"]


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "another plugin": ("config/x", {"plugin_name": "mysql-database-plugin"}, "is not known"),
    "no url": (
        "config/x",
        {"plugin_name": "postgresql-database-plugin"},
        "connection_url cannot be empty",
    ),
    "no database": ("roles/x", {"creation_statements": ["x"]}, "empty database name"),
    "too long": ("roles/x", {"db_name": "b", "default_ttl": 2, "max_ttl": 1}, "less than or eq"),
    "static nobody": ("static-roles/x", {"db_name": "books"}, "username and db_name"),
    "static too often": (
        "static-roles/x",
        {"db_name": "books", "username": "u", "rotation_period": 1},
        "5 seconds or more",
    ),
}


@pytest.mark.parametrize(("path", "body", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(
    engine: Hvac, root: Hvac, path: str, body: dict[str, Any], why: str
) -> None:
    """With 400 and the reason."""
    assert engine.list_connections()["data"]["keys"] == ["books"]
    with pytest.raises(InvalidRequest, match=why):
        root.adapter.post(f"/v1/database/{path}", json=body)


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("", r"v-token-to-reader-\w{20}-\d+"),
        ("bw-{{ .RoleName | uppercase }}-{{random 4}}", r"bw-READER-\w{4}"),
        ("x" * 80, "x{63}"),
    ],
    ids=["vault's own", "another", "too long"],
)
def test_a_username_is_made_of_its_template(
    engine: Hvac, reader: Hvac, books: Books, template: str, pattern: str
) -> None:
    """As much of Vault's templates as says who asked."""
    engine.configure(
        "books",
        plugin_name="postgresql-database-plugin",
        allowed_roles=["reader"],
        connection_url=books.template,
        username=books.administrator,
        username_template=template,
    )
    answer = reader.secrets.database.generate_credentials("reader")

    assert books.users() == [answer["data"]["username"]]
    assert re.fullmatch(pattern, answer["data"]["username"])


@pytest.mark.parametrize("action", ["printf 1", ".Secret", "random x", "unix_time | rot13"])
def test_an_unknown_template_is_refused(engine: Hvac, books: Books, action: str) -> None:
    """Rather than filled with something else than its author meant."""
    engine.configure(
        "books",
        plugin_name="postgresql-database-plugin",
        allowed_roles="*",
        verify_connection=False,
        connection_url=books.template,
        username_template=f"{{{{{action}}}}}",
    )
    with pytest.raises(InvalidRequest, match="unable to initialize username template"):
        engine.generate_credentials("reader")


def test_the_administrators_password_is_rotated(engine: Hvac, books: Books) -> None:
    """From then on Vault alone knows it."""
    books.execute("CREATE ROLE steward WITH LOGIN CREATEROLE PASSWORD 'first'")
    books.execute("GRANT SELECT ON orders TO steward WITH GRANT OPTION")
    engine.configure(
        "books",
        plugin_name="postgresql-database-plugin",
        allowed_roles=["reader"],
        connection_url=books.template,
        username="steward",
        password="first",
    )
    assert books.count_as("steward", "first") == 2

    engine.rotate_root_credentials("books")

    with pytest.raises(psycopg.OperationalError):
        books.count_as("steward", "first")
    assert engine.generate_credentials("reader")["data"]["username"] in books.users()
    # What steward has granted goes with it.
    books.execute("DROP OWNED BY steward CASCADE")


def test_a_static_roles_password_changes_with_time(
    engine: Hvac, books: Books, devvault: DevelopmentVault
) -> None:
    """The same until its period is over or somebody says so."""
    books.execute("CREATE ROLE clerk WITH LOGIN")
    books.execute("GRANT SELECT ON orders TO clerk")
    engine.create_static_role("night-clerk", "books", "clerk", None, rotation_period=60)

    def password() -> str:
        found = engine.get_static_credentials("night-clerk")["data"]
        assert books.count_as(found["username"], found["password"]) == 2
        return str(found["password"])

    first = password()
    assert password() == first
    devvault.let_pass(61)
    second = password()
    engine.rotate_static_role_credentials("night-clerk")
    assert len({first, second, password()}) == 3
    assert first not in str(engine.read_static_role("night-clerk"))
    engine.delete_static_role("night-clerk")
    with pytest.raises(InvalidRequest, match="unknown role"):
        engine.get_static_credentials("night-clerk")
