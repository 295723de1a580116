"""The database engine: users that a real PostgreSQL server has for as long as their lease."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hvac.exceptions import InternalServerError, InvalidPath, InvalidRequest
from tests.tools.books import CREATE, Books
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.devvault.engines import database_engine
from bailiwick.tools.devvault.refusals import Refusal


def test_an_engine_without_roles_gives_nothing(root: Hvac) -> None:
    """Whatever is asked for is unknown."""
    root.sys.enable_secrets_engine("database")
    with pytest.raises(InvalidRequest, match="unknown role: reader"):
        root.secrets.database.generate_credentials("reader")
    with pytest.raises(InvalidPath):
        root.secrets.database.list_roles()


def test_without_its_driver_it_cannot_be_mounted() -> None:
    """The refusal says what to install."""
    with pytest.raises(Refusal) as caught:
        database_engine(lambda: 0, has_driver=False)

    assert caught.value.status == 400
    assert "install bailiwick with its extra 'postgres'" in caught.value.errors[0]


def test_a_user_is_made_with_its_lease(engine: Hvac, reader: Hvac, books: Books) -> None:
    """It may do what its role says, by a password that nobody else knows."""
    answer = reader.secrets.database.generate_credentials("reader")

    assert answer["lease_id"].startswith("database/creds/reader/")
    assert (answer["lease_duration"], answer["renewable"]) == (60, True)
    user, password = answer["data"]["username"], answer["data"]["password"]
    assert books.users() == [user]
    assert user.startswith("v-token-to-reader-")
    assert books.count_as(user, password) == 2
    with pytest.raises(psycopg.OperationalError):
        books.count_as(user, "guessed")
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        psycopg.connect(books.url, user=user, password=password) as connection,
    ):
        connection.execute("DELETE FROM orders")
    assert engine.list_roles()["data"]["keys"] == ["reader"]


def test_a_revoked_user_is_gone(engine: Hvac, root: Hvac, books: Books) -> None:
    """With all that it was granted, though its role says nothing of revoking."""
    lease_id = engine.generate_credentials("reader")["lease_id"]
    root.sys.revoke_lease(lease_id)

    assert books.users() == []


def test_a_users_time_is_over(
    engine: Hvac, root: Hvac, books: Books, devvault: DevelopmentVault
) -> None:
    """Vault drops it; PostgreSQL would let nobody in any more even without that."""
    user = engine.generate_credentials("reader")["data"]["username"]
    with psycopg.connect(books.url) as connection:
        query = "SELECT rolvaliduntil - now() < interval '66 s' FROM pg_roles WHERE rolname = %s"
        assert connection.execute(query, [user]).fetchone() == (True,)

    devvault.let_pass(61)
    root.auth.token.lookup_self()
    assert books.users() == []


def test_a_user_dies_with_the_token_that_asked(
    engine: Hvac, reader: Hvac, root: Hvac, books: Books
) -> None:
    """Others stay."""
    reader.secrets.database.generate_credentials("reader")
    kept = engine.generate_credentials("reader")["data"]["username"]

    root.auth.token.revoke(reader.token)

    assert books.users() == [kept]


def test_a_renewed_user_lives_longer(
    engine: Hvac, root: Hvac, books: Books, devvault: DevelopmentVault
) -> None:
    """As far as its role's maximum; PostgreSQL hears of it."""
    answer = engine.generate_credentials("reader")
    with psycopg.connect(books.url) as connection:
        query = "SELECT rolvaliduntil FROM pg_roles WHERE rolname LIKE 'v-%'"
        before = connection.execute(query).fetchone()
        devvault.let_pass(50)
        renewed = root.sys.renew_lease(answer["lease_id"], increment=500)
        assert 40 < renewed["lease_duration"] <= 50
        after = connection.execute(query).fetchone()
    assert before is not None
    assert after is not None
    assert (after[0] - before[0]).total_seconds() == pytest.approx(40, abs=10)


def test_users_are_made_side_by_side(engine: Hvac, root: Hvac, books: Books) -> None:
    """Sixteen at once are sixteen, and all are dropped by one word."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(engine.generate_credentials, ["reader"] * 16))

    assert books.users() == sorted(answer["data"]["username"] for answer in answers)
    root.sys.revoke_prefix("database/creds/reader")
    assert books.users() == []


def test_a_user_that_cannot_be_dropped_keeps_its_lease(
    engine: Hvac, root: Hvac, books: Books, devvault: DevelopmentVault
) -> None:
    """The revocation is refused, tried again with time, and succeeds once it can."""
    answer = engine.generate_credentials("reader")
    user = answer["data"]["username"]
    books.execute(f'GRANT CREATE ON SCHEMA public TO "{user}"')
    books.execute(f'SET ROLE "{user}"; CREATE TABLE kept (); RESET ROLE')
    with pytest.raises(InvalidRequest, match="failed to revoke entry"):
        root.sys.revoke_lease(answer["lease_id"])
    devvault.let_pass(61)
    root.auth.token.lookup_self()
    assert books.users() == [user]

    books.execute("DROP TABLE kept")
    books.execute(f'REVOKE CREATE ON SCHEMA public FROM "{user}"')
    devvault.let_pass(60)
    root.auth.token.lookup_self()
    assert books.users() == []


def test_a_creation_that_fails_leaves_nothing(engine: Hvac, books: Books) -> None:
    """Neither a user without rights nor a statement with its password in the error."""
    broken = [CREATE[0], """GRANT SELECT ON absent TO "{{name}}" -- {{password}}"""]
    engine.create_role("reader", "books", broken)

    with pytest.raises(InternalServerError, match='relation "absent" does not exist') as caught:
        engine.generate_credentials("reader")

    assert books.users() == []
    assert "GRANT" not in str(caught.value)


def test_a_database_that_is_down(engine: Hvac, root: Hvac) -> None:
    """Neither configured, unless unverified, nor used; the URL's password is not told."""
    down = "postgresql://admin:hunter2@127.0.0.1:1/books"
    settings = {"plugin_name": "postgresql-database-plugin", "connection_url": down}
    with pytest.raises(InvalidRequest, match="the server cannot be reached") as caught:
        engine.configure("books", **settings)
    assert "hunter2" not in str(caught.value)

    engine.configure("books", verify_connection=False, allowed_roles="*", **settings)
    with pytest.raises(InternalServerError, match="the server cannot be reached"):
        engine.generate_credentials("reader")
    assert root.adapter.get("/v1/sys/leases/count")["data"]["lease_count"] == 0


def test_a_last_use_leaves_no_user(engine: Hvac, child: Callable[..., Hvac], books: Books) -> None:
    """What would end at once is dropped at once."""
    assert engine.read_role("reader")["data"]["db_name"] == "books"
    client = child('path "database/creds/reader" { capabilities = ["read"] }', num_uses=1)

    with pytest.raises(InvalidRequest, match="token had one use left"):
        client.secrets.database.generate_credentials("reader")
    assert books.users() == []
