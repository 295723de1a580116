"""Owns the shop as a whole: its database, its keys, and its service while it is open."""

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.loopback import serve
from bailiwick.tools.shop.records import Refund, Return
from bailiwick.tools.shop.service import Exchange, create_app
from bailiwick.tools.shop.store import Clock, ShopScope, Store


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class Shop:
    """Run a small shop on loopback, with a database and API keys of its own.

    Used as a context manager: inside it the shop answers at `address`, afterwards it is closed,
    its database too.

    Args:
        database: The SQLite file, or `:memory:`. Orders, refunds and keys in a file last.
        clock: Tells the time.
        port: The TCP port; 0 takes a free one.

    Attributes:
        requests: What was asked of the shop and with which status it answered, in order.
        app: The ASGI application, for callers that serve it themselves.
    """

    def __init__(
        self, database: str | Path = ":memory:", *, clock: Clock = utc_now, port: int = 0
    ) -> None:
        self._store = Store(database, clock)
        self._port = port
        self._address: str | None = None
        self._open = ExitStack()
        self.requests: list[Exchange] = []
        self.app = create_app(self._store, self.requests.append)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.callback(self._store.close)
            self._address = opening.enter_context(serve(self.app, port=self._port))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._address = None
        self._open.close()

    @property
    def address(self) -> str:
        """Where the shop answers, such as `http://127.0.0.1:49152`.

        Raises:
            SettingsError: If the shop is not open.
        """
        if self._address is None:
            raise SettingsError("the shop is closed: open it with `with shop:`")
        return self._address

    def seed(self) -> None:
        """Write the stock: orders open and past their return window, refunded and not."""
        self._store.seed()

    def issue_key(self, scopes: Iterable[ShopScope]) -> str:
        """Return a fresh API key with these scopes; the shop keeps only its hash."""
        return self._store.add_key(scopes)

    def refunds(self, order_id: str | None = None) -> tuple[Refund, ...]:
        """Return the refunds in the database, of one order or of all, oldest first."""
        return self._store.refunds(order_id)

    def returns(self) -> tuple[Return, ...]:
        """Return the returns in the database, oldest first, the cancelled ones too."""
        return self._store.returns()

    def cancel_return(self, order_id: str) -> Return:
        """Cancel a return at the shop itself, as its own people can."""
        return self._store.cancel_return(order_id)

    def close(self) -> None:
        """Close a shop that was never opened."""
        self._store.close()
