"""An open shop, its clock, and clients with its keys."""

from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bailiwick.tools.shop import Shop
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


@pytest.fixture
def shop(clock: StoppedClock) -> Generator[Shop]:
    """Open a shop with its stock, in memory."""
    with Shop(clock=clock) as shop:
        shop.seed()
        yield shop


@pytest.fixture
def connect(shop: Shop) -> Generator[Callable[[Iterable[ShopScope]], httpx.Client]]:
    """Return a function that connects to the shop with a fresh key for the scopes it is given."""
    clients: list[httpx.Client] = []

    def connect(scopes: Iterable[ShopScope]) -> httpx.Client:
        headers = {"Authorization": f"Bearer {shop.issue_key(scopes)}"}
        # Only what is plain HTTP may go without reading certificates, which takes a while.
        is_tls = not shop.address.startswith("http://")
        client = httpx.Client(
            base_url=shop.address, headers=headers, trust_env=False, verify=is_tls
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[[Iterable[ShopScope]], httpx.Client]) -> httpx.Client:
    """Connect to the shop with a key for everything."""
    return connect(("orders:read", "policy:read", "payments:refund"))
