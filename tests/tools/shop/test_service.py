"""The shop answers over HTTP to those who may ask, and moves no cent too many."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bailiwick.tools.shop import Shop
from bailiwick.tools.shop.service import Exchange
from bailiwick.tools.shop.stock import INJECTED_NOTE
from bailiwick.tools.shop.store import ShopScope

Connect = Callable[[Iterable[ShopScope]], httpx.Client]

REFUND = {"order_id": "A-1001", "amount": "42.00"}
EVERY_SCOPE: frozenset[ShopScope] = frozenset(("orders:read", "policy:read", "payments:refund"))
ENDPOINTS: list[tuple[str, str, ShopScope]] = [
    ("GET", "/orders/A-1001", "orders:read"),
    ("GET", "/orders/A-1001/return-window", "policy:read"),
    ("POST", "/refunds", "payments:refund"),
]


def ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    """Send a request, with a refund as its body where it is a POST."""
    return client.request(method, path, json=REFUND if method == "POST" else None)


@pytest.mark.parametrize("key", [None, "", "Bearer", "Bearer unknown", "Basic b3JkZXJz"])
def test_no_known_key_is_401(shop: Shop, client: httpx.Client, key: str | None) -> None:
    """Without a key of this shop nothing is answered, and the client learns how to send one."""
    del client.headers["Authorization"]
    if key is not None:
        client.headers["Authorization"] = key
    for method, path, _ in ENDPOINTS:
        response = ask(client, method, path)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.json()["error"] == "unauthenticated"
    assert shop.refunds("A-1001") == ()


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_every_scope_but_the_right_one_is_403(
    shop: Shop, connect: Connect, method: str, path: str, scope: ShopScope
) -> None:
    """A key opens what its scopes name and nothing else."""
    response = ask(connect(EVERY_SCOPE - {scope}), method, path)
    assert response.status_code == 403
    assert scope in response.json()["detail"]
    assert shop.refunds("A-1001") == ()


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_the_right_scope_alone_is_enough(
    connect: Connect, method: str, path: str, scope: ShopScope
) -> None:
    """No endpoint needs more than its one scope."""
    assert ask(connect([scope]), method, path).is_success


def test_an_order_is_told_with_money_as_text(client: httpx.Client) -> None:
    """Amounts are decimal text with two places."""
    assert client.get("/orders/A-1001").json() == {
        "id": "A-1001",
        "customer": "customer 17",
        "item": "desk lamp",
        "delivered_on": "2026-11-15",
        "currency": "EUR",
        "total": "42.00",
        "paid": "42.00",
        "refunded": "0.00",
        "note": "",
    }


def test_the_stock_holds_a_note_with_an_injected_instruction(client: httpx.Client) -> None:
    """What an attacker typed at the checkout comes back as it was typed."""
    assert client.get("/orders/A-1005").json()["note"] == INJECTED_NOTE


@pytest.mark.parametrize("path", ["/orders/Z-9", "/orders/Z-9/return-window", "/orders/a-1001"])
def test_an_unknown_order_is_404_and_says_what_ids_look_like(
    client: httpx.Client, path: str
) -> None:
    """The answer names the id that was asked for and a proper one."""
    response = client.get(path)
    assert response.status_code == 404
    detail = response.json()["detail"]
    assert path.split("/")[2] in detail
    assert "A-1001" in detail


def test_a_refund_of_an_unknown_order_is_404(shop: Shop, client: httpx.Client) -> None:
    """Nothing is written for an order that does not exist."""
    before = shop.refunds()
    response = client.post("/refunds", json={"order_id": "Z-9", "amount": "1.00"})
    assert response.status_code == 404
    assert shop.refunds() == before


def test_a_return_window_closes_after_its_last_day(
    client: httpx.Client, move_on: Callable[[int], None]
) -> None:
    """The last day still counts; the next one does not."""

    def is_open() -> object:
        return client.get("/orders/A-1001/return-window").json()["open"]

    assert client.get("/orders/A-1001/return-window").json() == {
        "order_id": "A-1001",
        "return_days": 30,
        "delivered_on": "2026-11-15",
        "closes_on": "2026-12-15",
        "open": True,
    }
    move_on(25)
    assert is_open() is True
    move_on(1)
    assert is_open() is False


@pytest.mark.parametrize("order_id", ["A-1003", "B-2001"])
def test_some_windows_of_the_stock_are_closed(client: httpx.Client, order_id: str) -> None:
    """One order is too old, one was made to measure."""
    assert client.get(f"/orders/{order_id}/return-window").json()["open"] is False


def test_a_refund_is_made_and_stands_in_the_database(shop: Shop, client: httpx.Client) -> None:
    """The answer and the row say the same, the row in whole cents."""
    response = client.post("/refunds", json=REFUND)
    (refund,) = shop.refunds("A-1001")
    assert response.status_code == 201
    assert refund.cents == 4200
    assert response.json() == {
        "id": f"R-{refund.id}",
        "order_id": "A-1001",
        "amount": "42.00",
        "currency": "EUR",
        "refunded_at": "2026-11-20T12:00:00+00:00",
    }
    assert client.get("/orders/A-1001").json()["refunded"] == "42.00"


def test_an_order_can_be_refunded_in_parts_up_to_what_was_paid(
    shop: Shop, client: httpx.Client
) -> None:
    """The parts add up to the payment and not a cent further."""
    amounts = [("40", 201), ("1.5", 201), ("0.51", 422), ("0.50", 201), ("0.01", 409)]
    for amount, status in amounts:
        response = client.post("/refunds", json={"order_id": "A-1001", "amount": amount})
        assert response.status_code == status, amount
    assert sum(refund.cents for refund in shop.refunds("A-1001")) == 4200


@pytest.mark.parametrize("amount", ["0", "0.00", "42.01", "9999999.99"])
def test_an_amount_of_nothing_or_beyond_the_payment_is_422(
    shop: Shop, client: httpx.Client, amount: str
) -> None:
    """The answer says how much is left."""
    response = client.post("/refunds", json={"order_id": "A-1001", "amount": amount})
    assert response.status_code == 422
    assert "42.00 EUR left" in response.json()["detail"]
    assert shop.refunds("A-1001") == ()


def test_a_second_full_refund_is_409(client: httpx.Client) -> None:
    """The stock's refunded order cannot be refunded again."""
    response = client.post("/refunds", json={"order_id": "A-1004", "amount": "18.50"})
    assert (response.status_code, response.json()["error"]) == (409, "already_refunded")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"order_id": "A-1001"}',
        b'{"order_id": "A-1001", "amount": 42.0}',
        b'{"order_id": "A-1001", "amount": "-1"}',
        b'{"order_id": "A-1001", "amount": "1e3"}',
        b'{"order_id": "A-1001", "amount": "1.005"}',
        b'{"order_id": "A-1001", "amount": "42.00\\n"}',
        '{"order_id": "A-1001", "amount": "٤٢"}'.encode(),
        b'{"order_id": "", "amount": "42.00"}',
        b'{"order_id": 1001, "amount": "42.00"}',
        b'{"order_id": "A-1001", "amount": "42.00", "currency": "USD"}',
    ],
)
def test_a_malformed_refund_is_400(shop: Shop, client: httpx.Client, body: bytes) -> None:
    """A body that does not fit exactly is refused, and the answer shows one that does."""
    response = client.post("/refunds", content=body)
    assert response.status_code == 400
    assert "42.00" in response.json()["detail"]
    assert shop.refunds("A-1001") == ()


def test_an_idempotency_key_refunds_once(shop: Shop, client: httpx.Client) -> None:
    """The same request with the same key gets the same answer and no second refund."""
    half = {"order_id": "A-1001", "amount": "21.00"}
    headers = {"Idempotency-Key": "call-1"}
    answers = [client.post("/refunds", json=half, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(shop.refunds("A-1001")) == 1


def test_an_idempotency_key_does_not_serve_another_refund(client: httpx.Client) -> None:
    """A key that comes back with another amount is refused."""
    headers = {"Idempotency-Key": "call-1"}
    client.post("/refunds", json=REFUND, headers=headers)
    other = client.post("/refunds", json=REFUND | {"amount": "1.00"}, headers=headers)
    assert (other.status_code, other.json()["error"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_an_idempotency_key_has_a_length(client: httpx.Client, key: str) -> None:
    """An empty key would make all refunds one; an endless one is an attack."""
    assert client.post("/refunds", json=REFUND, headers={"Idempotency-Key": key}).status_code == 400


def test_eight_at_once_refund_once(shop: Shop, client: httpx.Client) -> None:
    """Requests that race for the same money get it once."""
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(client.post, "/refunds", json=REFUND) for _ in range(8)]
    statuses = sorted(answer.result().status_code for answer in sent)
    assert statuses == [201] + [409] * 7
    assert len(shop.refunds("A-1001")) == 1


def test_each_request_is_recorded_with_its_status(shop: Shop, client: httpx.Client) -> None:
    """Stories can count what reached the shop."""
    assert shop.requests == []
    client.get("/orders/A-1001")
    client.get("/orders/Z-9")
    client.get("/elsewhere")
    assert shop.requests == [
        Exchange(method="GET", path="/orders/A-1001", status=200),
        Exchange(method="GET", path="/orders/Z-9", status=404),
        Exchange(method="GET", path="/elsewhere", status=404),
    ]
