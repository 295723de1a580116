"""Leases: what ends a leased secret, and in which order things are tried."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.devvault.envelope import Answer, Grant, Request
from bailiwick.tools.devvault.routes import Route

READ = 'path "tickets/*" { capabilities = ["read"] }'


class Tickets:
    """Lease a numbered ticket at each read, and know which are good."""

    def __init__(self) -> None:
        self.good: set[int] = set()
        self.count = 0
        self.renewals: list[int] = []
        self.is_stuck = False

    @property
    def routes(self) -> Sequence[Route]:
        """One path that gives a ticket."""
        return (Route(pattern=r"new", read=self._new),)

    def _new(self, _: Request) -> Answer:
        self.count += 1
        number = self.count
        self.good.add(number)
        grant = Grant(
            ttl=60,
            max_ttl=100,
            revoke=lambda: self._revoke(number),
            renew=self.renewals.append,
        )
        return Answer(data={"ticket": number}, grant=grant)

    def _revoke(self, number: int) -> None:
        if self.is_stuck:
            raise OSError("the printer is on fire")
        self.good.discard(number)


@pytest.fixture
def tickets() -> Tickets:
    """Give the engine."""
    return Tickets()


@pytest.fixture
def devvault(tickets: Tickets) -> Iterator[DevelopmentVault]:
    """Give a development Vault that can mount the engine, with it at `tickets/`."""
    with DevelopmentVault(engines={"tickets": lambda _: tickets}) as running:
        yield running


@pytest.fixture
def root(devvault: DevelopmentVault, connect: Callable[[str], Hvac]) -> Hvac:
    """Give hvac's client with the root token, the engine mounted."""
    client = connect(devvault.root_token)
    client.sys.enable_secrets_engine("tickets")
    return client


def lease(client: Hvac) -> str:
    """Take a ticket and return its lease's id."""
    answer = client.adapter.get("/v1/tickets/new")
    return str(answer["lease_id"])


def test_a_secret_comes_with_its_lease(root: Hvac) -> None:
    """The id tells the path, and the lease can be looked up."""
    answer = root.adapter.get("/v1/tickets/new")

    assert answer["lease_id"].startswith("tickets/new/")
    assert (answer["lease_duration"], answer["renewable"]) == (60, True)
    found = root.sys.read_lease(answer["lease_id"])["data"]
    assert (found["id"], found["ttl"]) == (answer["lease_id"], 60)
    assert root.sys.list_leases("tickets/new")["data"]["keys"] == [
        answer["lease_id"].removeprefix("tickets/new/")
    ]


def test_a_lease_ends_when_it_is_revoked(root: Hvac, tickets: Tickets) -> None:
    """Revoking what is gone is no error; looking it up is."""
    lease_id = lease(root)
    for _ in range(2):
        root.sys.revoke_lease(lease_id)

    assert tickets.good == set()
    with pytest.raises(InvalidRequest, match="invalid lease"):
        root.sys.read_lease(lease_id)
    with pytest.raises(InvalidPath):
        root.sys.list_leases("tickets")


def test_a_lease_ends_with_its_time(
    root: Hvac, tickets: Tickets, devvault: DevelopmentVault
) -> None:
    """The next request finds it gone, whatever it asks for."""
    lease(root)
    devvault.let_pass(61)
    root.auth.token.lookup_self()

    assert tickets.good == set()


def test_a_renewal_prolongs_a_lease_up_to_its_maximum(
    root: Hvac, tickets: Tickets, devvault: DevelopmentVault
) -> None:
    """The engine hears of it."""
    lease_id = lease(root)
    devvault.let_pass(50)

    assert 40 < root.sys.renew_lease(lease_id, increment=60)["lease_duration"] <= 50
    devvault.let_pass(30)
    assert tickets.good == {1}
    assert 40 < tickets.renewals[0] <= 50
    devvault.let_pass(21)
    root.auth.token.lookup_self()
    assert tickets.good == set()


def test_a_lease_ends_with_the_token_that_took_it(
    root: Hvac, child: Callable[..., Hvac], tickets: Tickets
) -> None:
    """Other tokens' leases stay."""
    client = child(READ)
    lease(client)
    lease(root)

    root.auth.token.revoke(client.token)

    assert tickets.good == {2}


def test_a_batch_tokens_lease_is_its_parents(
    root: Hvac, child: Callable[..., Hvac], connect: Callable[[str], Hvac], tickets: Tickets
) -> None:
    """It ends with the parent."""
    parent = child(f'{READ}\npath "auth/token/create" {{ capabilities = ["update"] }}')
    batch = parent.auth.token.create(type="batch")["auth"]["client_token"]
    lease(connect(batch))

    root.auth.token.revoke(parent.token)

    assert tickets.good == set()


def test_a_last_use_leases_nothing(child: Callable[..., Hvac], tickets: Tickets) -> None:
    """What would end at once is not given."""
    client = child(READ, num_uses=1)

    with pytest.raises(InvalidRequest, match="token had one use left"):
        lease(client)
    assert (tickets.count, tickets.good) == (1, set())


def test_a_prefix_ends_everything_below_it(
    root: Hvac, tickets: Tickets, devvault: DevelopmentVault
) -> None:
    """Tokens too: they are leases of the path that made them."""
    root.write("auth/token/roles/tool", allowed_policies=["x"], token_explicit_max_ttl="60s")
    root.auth.token.create(role_name="tool")
    root.auth.token.create(policies=["x"])
    lease(root)

    root.sys.revoke_prefix("auth/token/create/tool")

    assert [token.role for token in devvault.live_tokens()] == [""]
    assert tickets.good == {1}
    root.sys.revoke_prefix("tickets")
    assert tickets.good == set()


def test_the_lease_of_a_token_ends_it(root: Hvac, devvault: DevelopmentVault) -> None:
    """It is found by its path, renewed, and revoked."""
    root.auth.token.create(policies=["x"], ttl="60s")
    (end,) = root.sys.list_leases("auth/token/create")["data"]["keys"]
    lease_id = f"auth/token/create/{end}"

    assert root.sys.read_lease(lease_id)["data"]["ttl"] == 60
    assert root.sys.renew_lease(lease_id, increment=90)["auth"]["lease_duration"] == 90
    root.sys.revoke_lease(lease_id)
    assert devvault.live_tokens() == []


def test_an_end_that_fails_is_told_and_tried_again(
    root: Hvac, tickets: Tickets, devvault: DevelopmentVault
) -> None:
    """Six times by time alone; after that an operator must force it."""
    lease_id, tickets.is_stuck = lease(root), True
    with pytest.raises(InvalidRequest, match="failed to revoke entry"):
        root.sys.revoke_lease(lease_id)
    for _ in range(6):
        devvault.let_pass(2000)
        root.auth.token.lookup_self()

    stuck = root.adapter.get("/v1/sys/leases")["data"]
    assert [entry["lease_id"] for entry in stuck["leases"]] == [lease_id]
    root.sys.revoke_force("tickets")
    assert root.adapter.get("/v1/sys/leases")["data"]["lease_count"] == 0
    assert tickets.good == {1}


def test_an_end_that_fails_once_succeeds_later(
    root: Hvac, tickets: Tickets, devvault: DevelopmentVault
) -> None:
    """The second try comes by itself."""
    lease(root)
    tickets.is_stuck = True
    devvault.let_pass(61)
    root.auth.token.lookup_self()
    assert tickets.good == {1}

    tickets.is_stuck = False
    devvault.let_pass(21)
    root.auth.token.lookup_self()
    assert tickets.good == set()


def test_removing_an_engine_ends_its_leases(root: Hvac, tickets: Tickets) -> None:
    """Nothing is left out that nobody could end any more."""
    lease(root)

    root.sys.disable_secrets_engine("tickets")

    assert tickets.good == set()


@pytest.mark.parametrize("path", ["revoke-prefix/tickets", "revoke-force/tickets"])
def test_ending_by_path_needs_sudo(child: Callable[..., Hvac], path: str) -> None:
    """One word ends many."""
    client = child('path "sys/leases/*" { capabilities = ["update", "list"] }')

    with pytest.raises(Forbidden):
        client.adapter.put(f"/v1/sys/leases/{path}")
    with pytest.raises(Forbidden):
        client.sys.list_leases("tickets")


def test_what_is_no_lease_cannot_be_renewed(root: Hvac) -> None:
    """Neither an unknown one nor none."""
    with pytest.raises(InvalidRequest, match="lease not found"):
        root.sys.renew_lease("tickets/new/unknown")
    with pytest.raises(InvalidRequest, match="missing lease ID"):
        root.adapter.put("/v1/sys/leases/revoke", json={})
