"""Promise 3: a database's user and a token of Vault are seen by their tool and by nobody else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal, NoReturn

import httpx
import pytest
from langchain_core.messages import HumanMessage
from tests.conftest import Cluster
from tests.stories.answers import resume
from tests.stories.databases import execute
from tests.stories.desk import Thread
from tests.stories.ground import Ground
from tests.stories.leaks import LEAKS
from tests.stories.people import CUSTOMER, MANAGER
from tests.stories.scripts import asks
from tests.stories.watching import Taps, Watched
from tests.stories.ways import ONE_OF_EACH
from tests.stories.wiretap import ShopTap, VaultTap
from tests.tools.books import Books, open_books

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.surroundings import start_surroundings
from bailiwick.policies.errors import LedgerError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.devvault import Fault
from bailiwick.tools.loopback import serve
from bailiwick.tools.provision import AgentIdentity, Registry, ToolScope, VaultOperator, set_up
from bailiwick.tools.provision.services import SERVICES
from bailiwick.tools.secrets.credentials import Credential

READER = Scope(path="reader", kind="database")
TOKEN = Scope(path="cubbyhole/note", kind="token", capabilities=("create", "update"))
WRAPPED = replace(TOKEN, is_wrapped=True)
pytestmark = ONE_OF_EACH


@pytest.fixture(scope="module")
def books(postgres_cluster: Cluster) -> Iterator[Books]:
    """Give a database that users are made for."""
    with open_books(postgres_cluster) as opened:
        yield opened


@pytest.fixture(scope="module")
def ground(
    tmp_path_factory: pytest.TempPathFactory, taps: dict[str, Taps], books: Books
) -> Iterator[Ground]:
    """Start a Vault with a tap before it, set up for one tool of each kind."""
    approles = tmp_path_factory.mktemp("logins") / "approles.json"
    with ExitStack() as opened:
        started = opened.enter_context(start_surroundings())
        untapped = Ground(surroundings=started, approles=approles)
        given = replace(started, logins=declare(untapped, books))
        set_taps = Taps(vault=VaultTap(untapped.vault.app), shop=ShopTap(untapped.shop.app))
        taps["set"] = set_taps
        write_approles(approles, given.logins)
        address = opened.enter_context(serve(set_taps.vault))
        yield Ground(surroundings=replace(given, vault_address=address), approles=approles)


def declare(ground: Ground, books: Books) -> Any:  # noqa: ANN401 - the logins
    """Set Vault up: a database's user, a token, and a wrapped token, for one agent each."""
    held = {
        "orders": ("look_up_order", READER),
        "returns": ("check_return_window", TOKEN),
        "billing": ("issue_refund", WRAPPED),
    }
    agents = tuple(
        AgentIdentity(name=name, tools=(ToolScope(tool=tool, scope=scope),))
        for name, (tool, scope) in held.items()
    )
    with closing(VaultOperator(ground.vault.address, ground.vault.root_token)) as operator:
        given = set_up(operator, Registry(agents=agents, services=SERVICES))
        books.let_lease(operator)
        return given


def fail(error: BaseException, cause: BaseException | None = None) -> NoReturn:
    """Raise an error from an expression."""
    raise error from cause


Use = Callable[[str, Credential], object]


def looks_up(use: Use, scope: Scope = READER) -> ScopedTool:
    """Return the tool of `orders`: what it does with its credential is given."""

    @scoped_tool(effect="read", credential=scope)
    def look_up_order(order_id: str, *, credential: Credential) -> object:
        """Look up an order."""
        return use(order_id, credential)

    return look_up_order


def checks(use: Use) -> ScopedTool:
    """Return the tool of `returns` likewise."""

    @scoped_tool(effect="read", credential=TOKEN)
    def check_return_window(order_id: str, *, credential: Credential) -> object:
        """Check a return window."""
        return use(order_id, credential)

    return check_return_window


def run(watched: Watched, tool: ScopedTool, times: int = 1) -> Thread:
    """Have a tool called, several times at once."""
    agent = {"look_up_order": "orders", "check_return_window": "returns"}[tool.name]
    calls = [(tool.name, {"order_id": str(number)}) for number in range(times)]
    thread = watched.desk.thread(watched.desk.specialist(asks(*calls), tool, name=agent))
    watched.run(thread, {"messages": [HumanMessage("go")]}, CUSTOMER)
    return thread


def leaking(field: str) -> Use:
    """Return what lets a field of a credential out, each time in another way."""
    ways = list(LEAKS.values())
    return lambda number, credential: ways[int(number)](credential.reveal(field))


def test_a_databases_user_works_and_is_not_seen(watched: Watched, books: Books) -> None:
    """It reads what its role lets it read, and is gone afterwards."""

    def count(_: str, credential: Credential) -> str:
        user, password = credential.reveal("username"), credential.reveal("password")
        return f"{books.count_as(user, password)} orders"

    thread = run(watched, looks_up(count))

    assert thread.results() == ["2 orders"]
    assert watched.leaks() == set()
    assert {name.rsplit(" ", 1)[0] for name in watched.secrets} >= {
        "child token",
        "database password",
        "database user",
    }
    assert thread.ended()
    assert books.users() == []


def test_a_tool_cannot_let_its_database_user_out(watched: Watched, books: Books) -> None:
    """In whatever way it tries."""
    thread = run(watched, looks_up(leaking("password")), times=len(LEAKS))

    assert len(thread.records("call.ended")) == len(LEAKS)
    assert watched.leaks() == set()
    assert len(thread.ended()) == len(LEAKS)
    assert books.users() == []


def test_a_tool_cannot_let_its_token_out(watched: Watched) -> None:
    """The token of Vault that it was given to talk to Vault."""
    thread = run(watched, checks(leaking("token")), times=len(LEAKS))

    assert len(thread.records("call.ended")) == len(LEAKS)
    assert watched.leaks() == set()
    assert watched.desk.live_children() == []


def test_a_wrapped_token_and_what_is_in_it_are_not_seen(watched: Watched, ground: Ground) -> None:
    """The tool unwraps it, uses it, and even tells the wrapping token; it is dead afterwards."""
    unwrapped: list[str] = []

    @scoped_tool(effect="destructive", credential=WRAPPED)
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:  # noqa: ARG001 - the model's
        """Refund."""
        headers = {"X-Vault-Token": credential.reveal()}
        url = f"{ground.surroundings.vault_address}/v1"
        with httpx.Client(trust_env=False) as client:
            auth = client.post(f"{url}/sys/wrapping/unwrap", headers=headers).json()["auth"]
            unwrapped.append(auth["client_token"])
            own = {"X-Vault-Token": auth["client_token"]}
            status = client.post(f"{url}/cubbyhole/note", headers=own, json={"a": "b"}).status_code
        return f"{status} with {headers}"

    wanted = ("issue_refund", {"order_id": "A-1", "amount": 5})
    thread = watched.desk.thread(watched.desk.specialist(asks(wanted), issue_refund))
    watched.run(thread, {"messages": [HumanMessage("go")]}, CUSTOMER)
    watched.run(thread, resume(thread.waiting_for_one()), MANAGER)

    assert "204 with" in thread.said()
    assert watched.leaks() == set()
    assert watched.desk.live_children() == []
    assert [each.body["end"] for each in thread.ended()][-1] == "revoked"
    assert len(unwrapped) == 1


STEPS = {
    "login": "auth/approle/login",
    "mint": "auth/token/create/*",
    "read": "database/creds/reader",
    "end of the lease": "sys/leases/revoke",
    "end of the token": "auth/token/revoke-self",
}


@pytest.mark.parametrize("loses", ["", "answer"], ids=["500", "answer lost"])
@pytest.mark.parametrize("path", STEPS.values(), ids=STEPS.keys())
def test_a_step_that_fails_shows_nothing(
    watched: Watched, books: Books, path: str, loses: Literal["", "answer"]
) -> None:
    """Whatever broke off, neither the model nor the log reads a secret; all is ended at last."""
    fault = Fault(path=path, loses=loses, status=0 if loses else 500)
    watched.desk.vault.faults.add(fault)
    try:
        run(watched, looks_up(lambda _, credential: f"as {credential.reveal('username')}"))
        # A child whose making was not answered is known to nobody, and ends by its time.
        if path == STEPS["mint"]:
            watched.desk.vault.let_pass(60)
        assert watched.leaks() == set()
        assert watched.desk.live_children() == []
        assert books.users() == []
    finally:
        watched.desk.vault.faults.clear()


class Stop(BaseException):
    """Stop a run, as a signal's handler may."""


def test_what_stops_a_tool_shows_nothing(watched: Watched, books: Books) -> None:
    """The password in its text, its cause and the locals of its frames."""

    def leave(_: str, credential: Credential) -> NoReturn:
        password = credential.reveal("password")
        try:
            fail(ValueError(password))
        except ValueError as error:
            fail(Stop(f"no way in with {password}"), error)

    with pytest.raises(Stop) as caught:
        run(watched, looks_up(leave))
    watched.witness.caught(caught.value)

    assert watched.leaks() == set()
    assert watched.desk.live_children() == []
    assert books.users() == []


def test_a_ledger_that_breaks_at_the_lease_shows_nothing(watched: Watched, books: Books) -> None:
    """The lease cannot be recorded: the error's frames hold it, and show nothing of it."""
    used: list[Credential] = []
    ledger = watched.place.ledger
    execute(ledger, "ALTER TABLE revocations RENAME TO lost")
    try:
        with pytest.raises(LedgerError):
            run(watched, looks_up(lambda _, credential: used.append(credential)))
    finally:
        execute(ledger, "ALTER TABLE lost RENAME TO revocations")

    assert used == []
    assert watched.leaks() == set()
    assert watched.desk.live_children() == []
    assert books.users() == []
