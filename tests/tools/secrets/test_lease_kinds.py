"""What each kind of scope leases, and that nothing of it is left when it is given back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import httpx
import psycopg
import pytest
from tests.bare_http import send
from tests.conftest import Cluster
from tests.tools.books import Books, open_books

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import (
    AgentIdentity,
    Registry,
    ToolScope,
    VaultOperator,
    set_up,
    write_secret,
)
from bailiwick.tools.provision.services import REVOCATIONS
from bailiwick.tools.secrets.leases import SWEEPER, Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

KEY = Scope(path="shop/keys", fields=("api_key",))
ONCE = Scope(path="shop/keys", uses=1)
SIGN = Scope(path="cubbyhole/receipt", kind="token", capabilities=("create", "update", "read"))
SIGN_ONCE = replace(SIGN, uses=2)
WRAPPED = Scope(path="cubbyhole/receipt", kind="token", capabilities=("update",), is_wrapped=True)
SCOPES = {"key": KEY, "once": ONCE, "sign": SIGN, "sign_once": SIGN_ONCE, "wrapped": WRAPPED}


@pytest.fixture
def approles(devvault: DevelopmentVault) -> Mapping[str, AppRole]:
    """Set Vault up for one agent with a tool of each kind that needs no database."""
    tools = tuple(ToolScope(tool=tool, scope=scope) for tool, scope in SCOPES.items())
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        agents = (AgentIdentity(name="desk", tools=tools),)
        given = set_up(operator, Registry(agents=agents, services=(REVOCATIONS,)))
        write_secret(operator, KEY, {"api_key": "k-51c0ffee", "note": "spare"})
    return given


@pytest.fixture
def kinds(devvault: DevelopmentVault, approles: Mapping[str, AppRole]) -> Iterator[Vault]:
    """Give a connection for that agent."""
    with Vault(devvault.address, logins=approles) as connected:
        yield connected


@pytest.fixture
def books(postgres_cluster: Cluster) -> Iterator[Books]:
    """Give a database."""
    with open_books(postgres_cluster) as opened:
        yield opened


@pytest.fixture
def reader(devvault: DevelopmentVault, books: Books) -> Iterator[Vault]:
    """Give a connection for an agent with a tool that reads the database, and one for a clerk."""
    books.execute("CREATE ROLE clerk WITH LOGIN")
    books.execute("GRANT SELECT ON orders TO clerk")
    tools = tuple(
        ToolScope(tool=tool, scope=scope(books, kind))
        for tool, kind in (("read_orders", "database"), ("read_as_clerk", "static"))
    )
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        agents = (AgentIdentity(name="desk", tools=tools),)
        given = set_up(operator, Registry(agents=agents, services=(REVOCATIONS,)))
        books.let_lease(operator)
        operator.write(
            "database/static-roles/clerk", db_name="books", username="clerk", rotation_period=60
        )
    with Vault(devvault.address, logins=given) as connected:
        yield connected


def scope(books: Books, kind: str) -> Scope:
    """Return the scope of a database's user."""
    if kind == "static":
        return Scope(path="clerk", kind="static", url=books.url)
    return Scope(path="reader", kind="database", url=books.url)


def lease(vault: Vault, tool: str, wanted: Scope) -> Lease:
    """Lease what a tool needs."""
    return vault.lease(wanted, agent="desk", tool=tool, meta={})


def ask(
    devvault: DevelopmentVault, token: str, method: str, path: str, **body: object
) -> httpx.Response:
    """Ask Vault itself as somebody."""
    headers = {"X-Vault-Token": token}
    return send(method, f"{devvault.address}/v1/{path}", headers=headers, json=body)


def paths(devvault: DevelopmentVault) -> Sequence[str]:
    """Return what was asked of Vault, without the logins."""
    return [each.path for each in devvault.requests if "approle" not in each.path]


def test_a_secrets_fields_are_chosen(kinds: Vault) -> None:
    """A tool gets what it declared and no field besides."""
    held = lease(kinds, "key", KEY)

    assert held.credential.reveal() == "k-51c0ffee"
    with pytest.raises(ScopeError, match="has the fields api_key"):
        held.credential.reveal("note")


def test_a_field_that_is_not_there(kinds: Vault, devvault: DevelopmentVault) -> None:
    """The operator is told which, and the child is gone."""
    with pytest.raises(VaultError, match="has no text field 'pin': write it"):
        lease(kinds, "key", Scope(path="shop/keys", fields=("pin",)))
    assert [token.role for token in devvault.live_tokens() if token.role] == []


def test_a_child_of_one_use_is_gone_when_the_tool_starts(
    kinds: Vault, devvault: DevelopmentVault
) -> None:
    """Two round trips before the tool, and none after it."""
    lease(kinds, "once", ONCE)
    begun = len(paths(devvault))
    held = lease(kinds, "once", ONCE)

    assert held.is_spent
    assert [token.role for token in devvault.live_tokens() if token.role] == []
    kinds.revoke(held)
    assert paths(devvault)[begun:] == [
        "auth/token/create/bailiwick-once",
        "secret/data/shop/keys",
    ]


def test_a_user_is_made_for_the_call(reader: Vault, books: Books) -> None:
    """By name and password, or by a URL that has both; when it is given back it is dropped."""
    held = lease(reader, "read_orders", scope(books, "database"))

    user, password = held.credential.reveal("username"), held.credential.reveal("password")
    assert books.count_as(user, password) == 2
    with psycopg.connect(held.credential.reveal("url")) as connection:
        assert connection.info.user == user
    assert held.lease_id.startswith("database/creds/reader/")

    reader.revoke(held)
    assert books.users() == ["clerk"]


def test_a_user_that_cannot_be_dropped_yet(reader: Vault, books: Books) -> None:
    """Giving it back fails, and succeeds once the database lets go of it."""
    held = lease(reader, "read_orders", scope(books, "database"))
    user = held.credential.reveal("username")
    books.execute(f'GRANT CREATE ON SCHEMA public TO "{user}"')
    books.execute(f'SET ROLE "{user}"; CREATE TABLE kept (); RESET ROLE')
    with pytest.raises(VaultError, match="could not end the user that it made"):
        reader.revoke(held)
    assert user in books.users()

    books.execute(f'DROP TABLE kept; REVOKE CREATE ON SCHEMA public FROM "{user}"')
    reader.revoke(held)
    assert books.users() == ["clerk"]


def test_a_tool_ends_no_lease_but_its_own_roles(
    reader: Vault, books: Books, devvault: DevelopmentVault
) -> None:
    """Its token cannot revoke what others hold, though it knew the id."""
    held = lease(reader, "read_orders", scope(books, "database"))
    other = "auth/token/create/bailiwick-read_orders/h1234"

    refused = ask(devvault, held.token, "PUT", "sys/leases/revoke", lease_id=other)
    assert refused.status_code == 403


def test_a_user_that_stays_is_only_read(reader: Vault, books: Books) -> None:
    """Vault changes its password from time to time; giving it back drops nobody."""
    held = lease(reader, "read_as_clerk", scope(books, "static"))

    fields = {name: held.credential.reveal(name) for name in ("username", "password")}
    assert books.count_as(fields["username"], fields["password"]) == 2
    assert held.lease_id == ""
    reader.revoke(held)
    assert books.users() == ["clerk"]


@pytest.mark.parametrize(
    ("status", "why"),
    [(400, "write the engine's role 'reader'"), (500, "its database is down"), (403, "may not")],
)
def test_a_database_that_gives_no_user(
    reader: Vault, books: Books, devvault: DevelopmentVault, status: int, why: str
) -> None:
    """The operator is told what to look at, and the child is gone."""
    devvault.faults.add(Fault(path="database/creds/reader", status=status))

    with pytest.raises(VaultError, match=why):
        lease(reader, "read_orders", scope(books, "database"))
    assert [token.role for token in devvault.live_tokens() if token.role] == []
    assert books.users() == ["clerk"]


def test_a_user_whose_answer_is_lost_is_dropped(
    reader: Vault, books: Books, devvault: DevelopmentVault
) -> None:
    """Nobody knows its name, but it dies with the child that asked for it; none is made again."""
    devvault.faults.add(Fault(path="database/creds/reader", loses="answer"))

    with pytest.raises(VaultError, match="does not answer"):
        lease(reader, "read_orders", scope(books, "database"))
    assert books.users() == ["clerk"]
    assert list(paths(devvault)).count("database/creds/reader") == 1


def test_a_tool_talks_to_vault_with_a_token_of_its_own(
    kinds: Vault, devvault: DevelopmentVault
) -> None:
    """It opens one path, until it is given back."""
    held = lease(kinds, "sign", SIGN)
    token = held.credential.reveal()

    assert ask(devvault, token, "POST", "cubbyhole/receipt", a="b").is_success
    assert ask(devvault, token, "GET", "secret/data/shop/keys").status_code == 403
    kinds.revoke(held)
    assert ask(devvault, token, "GET", "cubbyhole/receipt").status_code == 403


def test_a_token_has_no_more_uses_than_declared(kinds: Vault, devvault: DevelopmentVault) -> None:
    """After that it is dead, and giving it back is no error."""
    held = lease(kinds, "sign_once", SIGN_ONCE)
    token = held.credential.reveal()

    answers = [ask(devvault, token, "POST", "cubbyhole/receipt", a="b") for _ in range(3)]
    assert [each.status_code for each in answers] == [204, 204, 403]
    kinds.revoke(held)


def test_a_wrapped_token_is_unwrapped_by_its_tool_alone(
    kinds: Vault, devvault: DevelopmentVault
) -> None:
    """We never hold it, and end it by its accessor."""
    held = lease(kinds, "wrapped", WRAPPED)

    opened = ask(devvault, held.credential.reveal(), "POST", "sys/wrapping/unwrap").json()
    token = opened["auth"]["client_token"]
    assert held.token == ""
    assert held.accessor == opened["auth"]["accessor"]
    assert ask(devvault, token, "POST", "cubbyhole/receipt", a="b").is_success
    kinds.revoke(held)
    assert ask(devvault, token, "POST", "cubbyhole/receipt", a="b").status_code == 403


def test_without_the_service_a_wrapped_token_ends_by_its_time(
    devvault: DevelopmentVault, approles: Mapping[str, AppRole]
) -> None:
    """Nobody here may end it; the error says who could."""
    known = {name: login for name, login in approles.items() if name != SWEEPER}
    with Vault(devvault.address, logins=known) as vault:
        held = lease(vault, "wrapped", WRAPPED)
        assert not vault.can_sweep
        with pytest.raises(VaultError, match=r"revocations\.service"):
            vault.revoke(held)


def test_a_lease_is_ended_by_its_handles(reader: Vault, books: Books) -> None:
    """As often as one likes; what is gone already is no error."""
    held = lease(reader, "read_orders", scope(books, "database"))

    for _ in range(2):
        reader.end(held.accessor, held.lease_id)
    assert books.users() == ["clerk"]
    reader.end("unknown", "database/creds/reader/unknown")


def test_the_sweeper_can_do_nothing_else(
    kinds: Vault, devvault: DevelopmentVault, approles: Mapping[str, AppRole]
) -> None:
    """Whoever stole its login could end leases, and see or make nothing."""
    login = approles[SWEEPER]
    body = {"role_id": login.role_id, "secret_id": login.secret_id}
    url = f"{devvault.address}/v1/auth/approle/login"
    given = send("POST", url, json=body).json()["auth"]["client_token"]
    held = lease(kinds, "key", KEY)

    for method, path in (
        ("GET", "secret/data/shop/keys"),
        ("POST", "auth/token/create"),
        ("POST", "auth/token/create/bailiwick-key"),
        ("LIST", "auth/token/accessors"),
        ("PUT", "sys/leases/revoke-prefix/auth"),
    ):
        assert ask(devvault, given, method, path).status_code == 403
    answer = ask(devvault, given, "PUT", "auth/token/revoke-accessor", accessor=held.accessor)
    assert answer.is_success
