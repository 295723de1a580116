"""An open shop, its clock, and clients with its keys."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.tools.shop.calling import Run, call

from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.loopback import serve
from bailiwick.tools.shop import Shop, ShopTools, create_shop_tools
from bailiwick.tools.shop.store import ShopScope


class StoppedClock:
    """Tell one time until it is moved on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return that time."""
        return self._now

    def move_on(self, days: int) -> None:
        """Let days pass."""
        self._now += timedelta(days=days)


@pytest.fixture
def clock() -> StoppedClock:
    """Stop the shop's clock at noon of 2026-11-20."""
    return StoppedClock()


@pytest.fixture
def move_on(clock: StoppedClock) -> Callable[[int], None]:
    """Return a function that lets days pass at the shop."""
    return clock.move_on


class Stage:
    """Answer with the application that is on: closing a server takes longer than most tests."""

    def __init__(self, address: str = "") -> None:
        self.address = address
        self.app: ASGIApp = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Generator[Stage]:
    """Serve one address for all tests."""
    stage = Stage()
    with serve(stage) as stage.address:
        yield stage


@pytest.fixture
def address(stage: Stage) -> str:
    """Return where the shop, or whatever else is put on, answers."""
    return stage.address


@pytest.fixture
def put_on(stage: Stage) -> Callable[[ASGIApp], None]:
    """Return a function that puts another application in the shop's place."""

    def put_on(app: ASGIApp) -> None:
        stage.app = app

    return put_on


@pytest.fixture
def shop(clock: StoppedClock, stage: Stage) -> Generator[Shop]:
    """Open a shop with its stock, in memory."""
    with closing(Shop(clock=clock)) as shop:
        shop.seed()
        stage.app = shop.app
        yield shop


@pytest.fixture
def connect(shop: Shop, address: str) -> Generator[Callable[[Iterable[ShopScope]], httpx.Client]]:
    """Return a function that connects to the shop with a fresh key for the scopes it is given."""
    clients: list[httpx.Client] = []

    def connect(scopes: Iterable[ShopScope]) -> httpx.Client:
        headers = {"Authorization": f"Bearer {shop.issue_key(scopes)}"}
        # Only what is plain HTTP may go without reading certificates, which takes a while.
        is_tls = not address.startswith("http://")
        client = httpx.Client(base_url=address, headers=headers, trust_env=False, verify=is_tls)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[[Iterable[ShopScope]], httpx.Client]) -> httpx.Client:
    """Connect to the shop with a key for everything."""
    return connect(("orders:read", "policy:read", "payments:refund"))


@pytest.fixture
def tools(shop: Shop, address: str) -> Generator[ShopTools]:
    """Create the tools of the open shop."""
    assert shop.requests == []
    with create_shop_tools(address) as tools:
        yield tools


@pytest.fixture
def run(shop: Shop) -> Run:
    """Return a function that runs a tool with a key as a guard would."""

    def run(
        tool: ScopedTool,
        scopes: Iterable[ShopScope] = ("orders:read", "policy:read", "payments:refund"),
        idempotency_key: str = "",
        **args: object,
    ) -> str:
        return call(tool, shop.issue_key(scopes), idempotency_key, **args)

    return run
