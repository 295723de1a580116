"""Owns the shop's HTTP interface: who may ask what, and in which form it is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bailiwick.tools.shop.money import CURRENCY, WireAmount, to_cents, to_wire
from bailiwick.tools.shop.problems import Forbidden, Malformed, ShopProblem, Unauthenticated
from bailiwick.tools.shop.records import Order, Refund, Return
from bailiwick.tools.shop.store import ShopScope, Store

_LONGEST_IDEMPOTENCY_KEY = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """State one request that the shop has answered."""

    method: str
    path: str
    status: int


Record = Callable[[Exchange], None]


class RefundRequest(BaseModel):
    """Hold the body of `POST /refunds`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    order_id: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    amount: WireAmount


def create_app(store: Store, record: Record) -> Starlette:
    """Create the shop's application.

    Args:
        store: The database it acts on.
        record: Is told of each request before its answer leaves.
    """
    shop = _Endpoints(store)
    return Starlette(
        routes=[
            Route("/orders/{order_id}", shop.read_order),
            Route("/orders/{order_id}/return-window", shop.read_return_window),
            Route("/orders/{order_id}/return", shop.register_return, methods=["PUT"]),
            Route("/orders/{order_id}/return", shop.cancel_return, methods=["DELETE"]),
            Route("/refunds", shop.create_refund, methods=["POST"]),
            Route("/refunds", shop.read_refunds),
        ],
        middleware=[Middleware(_Recorder, record=record)],
        exception_handlers={ShopProblem: _answer},
    )


class _Endpoints:
    def __init__(self, store: Store) -> None:
        self._store = store

    def read_order(self, request: Request) -> Response:
        self._authorise(request, "orders:read")
        return JSONResponse(_order_body(self._store.order(request.path_params["order_id"])))

    def read_return_window(self, request: Request) -> Response:
        self._authorise(request, "policy:read")
        order = self._store.order(request.path_params["order_id"])
        return JSONResponse(_window_body(order, self._store.today()))

    async def create_refund(self, request: Request) -> Response:
        return await run_in_threadpool(self._create_refund, request, await request.body())

    def read_refunds(self, request: Request) -> Response:
        self._authorise(request, "payments:refund")
        found = self._store.refund_of(request.query_params.get("idempotency_key", ""))
        return JSONResponse({"refunds": [] if found is None else [_refund_body(found)]})

    def register_return(self, request: Request) -> Response:
        self._authorise(request, "returns:write")
        registered = self._store.register_return(request.path_params["order_id"])
        return JSONResponse(_return_body(registered))

    def cancel_return(self, request: Request) -> Response:
        self._authorise(request, "returns:write")
        cancelled = self._store.cancel_return(request.path_params["order_id"])
        return JSONResponse(_return_body(cancelled))

    def _create_refund(self, request: Request, body: bytes) -> Response:
        self._authorise(request, "payments:refund")
        asked, key = _refund_request(body), _idempotency_key(request)
        refund = self._store.refund(asked.order_id, to_cents(asked.amount), key)
        return JSONResponse(_refund_body(refund), status_code=201)

    def _authorise(self, request: Request, scope: ShopScope) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        scopes = self._store.scopes(key.strip()) if scheme.lower() == "bearer" else None
        if scopes is None:
            raise Unauthenticated("Send an API key of this shop as 'Authorization: Bearer KEY'.")
        if scope not in scopes:
            raise Forbidden(f"This API key lacks the scope {scope!r}.")


class _Recorder:
    def __init__(self, app: ASGIApp, record: Record) -> None:
        self._app = app
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, path, status = scope["method"], scope["path"], message["status"]
                self._record(Exchange(method=method, path=path, status=status))
            await send(message)

        await self._app(scope, receive, send_recorded)


def _answer(_: Request, problem: Exception) -> Response:
    if not isinstance(problem, ShopProblem):
        raise problem
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == Unauthenticated.status else None
    body = {"error": problem.code, "detail": str(problem)}
    return JSONResponse(body, status_code=problem.status, headers=headers)


def _refund_request(body: bytes) -> RefundRequest:
    try:
        return RefundRequest.model_validate_json(body)
    except ValidationError as error:
        fields = sorted({str(part) for item in error.errors() for part in item["loc"][:1]})
        raise Malformed(
            'Send {"order_id": "A-1001", "amount": "42.00"} as JSON, the amount as text'
            + (f"; wrong: {', '.join(fields)}." if fields else ".")
        ) from None


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= _LONGEST_IDEMPOTENCY_KEY:
        raise Malformed(f"An Idempotency-Key has 1 to {_LONGEST_IDEMPOTENCY_KEY} characters.")
    return key


def _order_body(order: Order) -> dict[str, str]:
    return {
        "id": order.id,
        "customer": order.customer,
        "item": order.item,
        "delivered_on": order.delivered_on.isoformat(),
        "currency": CURRENCY,
        "total": to_wire(order.total_cents),
        "paid": to_wire(order.paid_cents),
        "refunded": to_wire(order.refunded_cents),
        "note": order.note,
    }


def _window_body(order: Order, today: date) -> dict[str, str | int | bool]:
    return {
        "order_id": order.id,
        "return_days": order.return_days,
        "delivered_on": order.delivered_on.isoformat(),
        "closes_on": order.window_closes_on.isoformat(),
        "open": today <= order.window_closes_on,
    }


def _refund_body(refund: Refund) -> dict[str, str]:
    return {
        "id": f"R-{refund.id}",
        "order_id": refund.order_id,
        "amount": to_wire(refund.cents),
        "currency": CURRENCY,
        "refunded_at": refund.refunded_at.isoformat(),
    }


def _return_body(registered: Return) -> dict[str, str | None]:
    cancelled = registered.cancelled_at
    return {
        "id": f"T-{registered.id}",
        "order_id": registered.order_id,
        "registered_at": registered.registered_at.isoformat(),
        "cancelled_at": None if cancelled is None else cancelled.isoformat(),
    }
