"""Owns the shop's database: orders, payments, customers, refunds and API keys."""

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from bailiwick.tools.shop.money import CURRENCY, to_wire
from bailiwick.tools.shop.problems import (
    AlreadyRefunded,
    KeyReused,
    NoReturn,
    OverRefund,
    UnknownOrder,
    WindowClosed,
)
from bailiwick.tools.shop.records import Order, Refund, Return
from bailiwick.tools.shop.stock import STOCK, StockOrder

Clock = Callable[[], datetime]
ShopScope = Literal["orders:read", "policy:read", "payments:refund", "returns:write"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    item TEXT NOT NULL,
    total_cents INTEGER NOT NULL CHECK (total_cents > 0),
    delivered_on TEXT NOT NULL,
    return_days INTEGER NOT NULL CHECK (return_days >= 0),
    note TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    cents INTEGER NOT NULL CHECK (cents > 0)
);
CREATE TABLE IF NOT EXISTS refunds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id TEXT NOT NULL REFERENCES orders (id),
    cents INTEGER NOT NULL CHECK (cents > 0),
    refunded_at TEXT NOT NULL,
    idempotency_key TEXT UNIQUE
);
CREATE TABLE IF NOT EXISTS returns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id TEXT NOT NULL REFERENCES orders (id),
    registered_at TEXT NOT NULL,
    cancelled_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS open_returns ON returns (order_id) WHERE cancelled_at IS NULL;
CREATE TABLE IF NOT EXISTS api_keys (hash TEXT PRIMARY KEY, scopes TEXT NOT NULL);
"""

_ORDER = """
SELECT id, customer_id, item, total_cents, delivered_on, return_days, note,
    (SELECT coalesce(sum(cents), 0) FROM payments WHERE order_id = orders.id) AS paid_cents,
    (SELECT coalesce(sum(cents), 0) FROM refunds WHERE order_id = orders.id) AS refunded_cents
FROM orders WHERE id = ?
"""


class Store:
    """Keep the shop's rows in SQLite.

    Args:
        database: The file, or `:memory:`.
        clock: Tells the time.
    """

    def __init__(self, database: str | Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(f"PRAGMA foreign_keys = ON; {_SCHEMA}")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def seed(self) -> None:
        """Write the stock, leaving alone the orders that are there already."""
        with self._transaction() as connection:
            for order in STOCK:
                self._write(connection, order)

    def add_key(self, scopes: Iterable[ShopScope]) -> str:
        """Write a fresh API key with these scopes and return it; only its hash is kept."""
        key = f"shop_{secrets.token_urlsafe(24)}"
        with self._transaction() as connection:
            row = (_hash(key), " ".join(sorted(scopes)))
            connection.execute("INSERT INTO api_keys VALUES (?, ?)", row)
        return key

    def scopes(self, key: str) -> frozenset[str] | None:
        """Return what an API key may do, or `None` if there is no such key."""
        with self._transaction() as connection:
            select = "SELECT scopes FROM api_keys WHERE hash = ?"
            row = connection.execute(select, (_hash(key),)).fetchone()
        return None if row is None else frozenset(row["scopes"].split())

    def order(self, order_id: str) -> Order:
        """Return an order.

        Raises:
            UnknownOrder: If there is none with this id.
        """
        with self._transaction() as connection:
            return _order(connection, order_id)

    def today(self) -> date:
        """Return the day by the shop's clock."""
        return self._clock().date()

    def refund(self, order_id: str, cents: int, idempotency_key: str | None = None) -> Refund:
        """Pay back a part or all of what was paid; an idempotency key does it once.

        Raises:
            UnknownOrder: If there is no such order.
            AlreadyRefunded: If nothing is left to pay back.
            OverRefund: If the amount is nothing or more than what is left.
            KeyReused: If the idempotency key belongs to another refund.
        """
        with self._transaction() as connection:
            if idempotency_key and (earlier := _refund_of(connection, idempotency_key)):
                return _same(earlier, order_id, cents)
            _check(_order(connection, order_id), cents)
            values = (order_id, cents, self._clock().isoformat(), idempotency_key)
            row = connection.execute(
                "INSERT INTO refunds (order_id, cents, refunded_at, idempotency_key)"
                " VALUES (?, ?, ?, ?) RETURNING *",
                values,
            ).fetchone()
            return _refund(row)

    def refund_of(self, idempotency_key: str) -> Refund | None:
        """Return the refund that was made with an idempotency key, if one was."""
        with self._transaction() as connection:
            return _refund_of(connection, idempotency_key)

    def register_return(self, order_id: str) -> Return:
        """Register the return of an order; one that is registered stays as it is.

        Raises:
            UnknownOrder: If there is no such order.
            WindowClosed: If it cannot be returned any more.
        """
        with self._transaction() as connection:
            order = _order(connection, order_id)
            if standing := _open_return(connection, order_id):
                return standing
            if self.today() > order.window_closes_on:
                raise WindowClosed(f"Order {order_id} can be returned no more.")
            row = connection.execute(
                "INSERT INTO returns (order_id, registered_at) VALUES (?, ?) RETURNING *",
                (order_id, self._clock().isoformat()),
            ).fetchone()
            return _return(row)

    def cancel_return(self, order_id: str) -> Return:
        """Cancel the return of an order.

        Raises:
            NoReturn: If none is registered.
        """
        with self._transaction() as connection:
            standing = _open_return(connection, order_id)
            if standing is None:
                raise NoReturn(f"No return of order {order_id!r} is registered.")
            row = connection.execute(
                "UPDATE returns SET cancelled_at = ? WHERE id = ? RETURNING *",
                (self._clock().isoformat(), standing.id),
            ).fetchone()
            return _return(row)

    def returns(self) -> tuple[Return, ...]:
        """Return the returns in the order they were registered, the cancelled ones too."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT * FROM returns ORDER BY id").fetchall()
            return tuple(map(_return, rows))

    def refunds(self, order_id: str | None = None) -> tuple[Refund, ...]:
        """Return the refunds in the order they were made, of one order or of all."""
        with self._transaction() as connection:
            select = "SELECT * FROM refunds WHERE order_id = coalesce(?, order_id) ORDER BY id"
            return tuple(map(_refund, connection.execute(select, (order_id,)).fetchall()))

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        # IMMEDIATE, so that two processes on one file never both read before either writes.
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection

    def _write(self, connection: sqlite3.Connection, order: StockOrder) -> None:
        if connection.execute(_ORDER, (order.id,)).fetchone():
            return
        delivered_on = self.today() - timedelta(days=order.days_since_delivery)
        connection.execute("INSERT OR IGNORE INTO customers VALUES (?)", (order.customer,))
        connection.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                order.id,
                order.customer,
                order.item,
                order.cents,
                delivered_on.isoformat(),
                order.return_days,
                order.note,
            ),
        )
        paid = (order.id, order.cents)
        connection.execute("INSERT INTO payments (order_id, cents) VALUES (?, ?)", paid)
        if order.refunded_cents:
            connection.execute(
                "INSERT INTO refunds (order_id, cents, refunded_at) VALUES (?, ?, ?)",
                (order.id, order.refunded_cents, self._clock().isoformat()),
            )


def _order(connection: sqlite3.Connection, order_id: str) -> Order:
    row = connection.execute(_ORDER, (order_id,)).fetchone()
    if row is None:
        raise UnknownOrder(f"There is no order {order_id!r}; order ids look like A-1001.")
    return Order(
        id=row["id"],
        customer=f"customer {row['customer_id']}",
        item=row["item"],
        total_cents=row["total_cents"],
        paid_cents=row["paid_cents"],
        refunded_cents=row["refunded_cents"],
        delivered_on=date.fromisoformat(row["delivered_on"]),
        return_days=row["return_days"],
        note=row["note"],
    )


def _refund_of(connection: sqlite3.Connection, idempotency_key: str) -> Refund | None:
    select = "SELECT * FROM refunds WHERE idempotency_key = ?"
    row = connection.execute(select, (idempotency_key,)).fetchone()
    return None if row is None else _refund(row)


def _open_return(connection: sqlite3.Connection, order_id: str) -> Return | None:
    select = "SELECT * FROM returns WHERE order_id = ? AND cancelled_at IS NULL"
    row = connection.execute(select, (order_id,)).fetchone()
    return None if row is None else _return(row)


def _return(row: sqlite3.Row) -> Return:
    cancelled = row["cancelled_at"]
    return Return(
        id=row["id"],
        order_id=row["order_id"],
        registered_at=datetime.fromisoformat(row["registered_at"]),
        cancelled_at=None if cancelled is None else datetime.fromisoformat(cancelled),
    )


def _refund(row: sqlite3.Row) -> Refund:
    return Refund(
        id=row["id"],
        order_id=row["order_id"],
        cents=row["cents"],
        refunded_at=datetime.fromisoformat(row["refunded_at"]),
        idempotency_key=row["idempotency_key"],
    )


def _same(earlier: Refund, order_id: str, cents: int) -> Refund:
    if (earlier.order_id, earlier.cents) != (order_id, cents):
        raise KeyReused("This idempotency key belongs to another refund; send a new one.")
    return earlier


def _check(order: Order, cents: int) -> None:
    if order.left_cents == 0:
        raise AlreadyRefunded(f"Order {order.id} has been refunded in full already.")
    if not 0 < cents <= order.left_cents:
        raise OverRefund(
            f"Order {order.id} has {to_wire(order.left_cents)} {CURRENCY} left to refund; "
            f"{to_wire(cents)} cannot be."
        )


def _hash(key: str) -> str:
    # A fast hash will do: the keys are random, so there is nothing to guess.
    return hashlib.sha256(key.encode()).hexdigest()
