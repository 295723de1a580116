"""A shop opens, closes, and keeps its books in a file."""

import sqlite3
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.shop import Shop
from bailiwick.tools.shop.money import to_cents, to_wire
from bailiwick.tools.shop.problems import ShopProblem
from bailiwick.tools.shop.shop import utc_now
from bailiwick.tools.shop.store import Store


def test_a_new_shop_has_neither_orders_nor_refunds() -> None:
    """Nothing is there before it is seeded."""
    with Shop() as shop:
        assert shop.refunds() == ()
        assert shop.requests == []


def test_a_shop_that_was_never_opened_has_no_address() -> None:
    """The error says how to open it."""
    shop = Shop()
    with pytest.raises(SettingsError, match="with shop:"):
        _ = shop.address
    shop.close()


def test_a_shop_that_cannot_open_closes_its_database() -> None:
    """A taken port leaves nothing open."""
    with Shop() as first:
        port = int(first.address.rsplit(":", 1)[1])
        second = Shop(port=port)
        with pytest.raises(SettingsError, match=str(port)), second:
            pass
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            second.refunds()


def test_orders_refunds_and_keys_in_a_file_last(tmp_path: Path) -> None:
    """A shop that opens again on its file knows its keys and what it paid back."""
    file = tmp_path / "shop.db"
    with Shop(file) as shop:
        shop.seed()
        headers = {"Authorization": f"Bearer {shop.issue_key(['payments:refund'])}"}
        refund = {"order_id": "A-1001", "amount": "42.00"}
        httpx.post(f"{shop.address}/refunds", json=refund, headers=headers, trust_env=False)
    with Shop(file) as shop:
        shop.seed()
        again = httpx.post(f"{shop.address}/refunds", json=refund, headers=headers, trust_env=False)
        assert again.status_code == 409
        assert len(shop.refunds("A-1001")) == 1


def test_an_api_key_is_never_stored(tmp_path: Path) -> None:
    """The file holds the key's hash alone, and no two keys are the same."""
    file = tmp_path / "shop.db"
    with Shop(file) as shop:
        keys = {shop.issue_key(["orders:read"]) for _ in range(3)}
    content = file.read_bytes()
    assert len(keys) == 3
    assert not any(key.encode() in content for key in keys)


@given(st.lists(st.integers(min_value=-100, max_value=5000), max_size=12))
def test_no_row_of_refunds_exceeds_what_was_paid(amounts: list[int]) -> None:
    """Whatever is asked in whatever order, the refunds stay within the payment."""
    store = Store(":memory:", utc_now)
    store.seed()
    for cents in amounts:
        try:
            store.refund("A-1001", cents)
        except ShopProblem:
            continue
    assert sum(refund.cents for refund in store.refunds("A-1001")) <= 4200
    store.close()


@given(st.integers(min_value=0, max_value=999_999_999))
def test_money_survives_the_wire(cents: int) -> None:
    """Cents to text and back are the same cents."""
    assert to_cents(to_wire(cents)) == cents
