"""Owns the shop's database: orders, payments, customers, refunds and API keys."""

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from bailiwick.tools.shop.money import CURRENCY, to_wire
from bailiwick.tools.shop.problems import AlreadyRefunded, KeyReused, OverRefund, UnknownOrder
from bailiwick.tools.shop.stock import STOCK, StockOrder

Clock = Callable[[], datetime]
ShopScope = Literal["orders:read", "policy:read", "payments:refund"]

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
CREATE TABLE IF NOT EXISTS api_keys (hash TEXT PRIMARY KEY, scopes TEXT NOT NULL);
"""

_ORDER = """
SELECT id, customer_id, item, total_cents, delivered_on, return_days, note,
    (SELECT coalesce(sum(cents), 0) FROM payments WHERE order_id = orders.id) AS paid_cents,
    (SELECT coalesce(sum(cents), 0) FROM refunds WHERE order_id = orders.id) AS refunded_cents
FROM orders WHERE id = ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """State what the shop knows of an order; money in cents."""

    id: str
    customer: str
    item: str
    total_cents: int
    paid_cents: int
    refunded_cents: int
    delivered_on: date
    return_days: int
    note: str

    @property
    def left_cents(self) -> int:
        """What can still be refunded."""
        return self.paid_cents - self.refunded_cents

    @property
    def window_closes_on(self) -> date:
        """The last day on which the order can be returned."""
        return self.delivered_on + timedelta(days=self.return_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """State one refund; money in cents, time in UTC."""

    id: int
    order_id: str
    cents: int
    refunded_at: datetime
    idempotency_key: str | None = None


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
