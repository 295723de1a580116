"""Owns what the shop's database says of orders, refunds and returns."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """State one return that a customer has announced; times in UTC."""

    id: int
    order_id: str
    registered_at: datetime
    cancelled_at: datetime | None = None
