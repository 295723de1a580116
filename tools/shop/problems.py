"""Owns what the shop answers instead of doing what it was asked.

The shop is a system of its own, so its errors are not this product's: over HTTP they become a
status with a body `{"error": code, "detail": sentence}`.
"""

from typing import ClassVar


class ShopProblem(Exception):  # noqa: N818 - an answer of the shop, not an error of this product
    """Stand at the root of the shop's refusals.

    Attributes:
        status: The HTTP status.
        code: The stable word a program can act on.
    """

    status: ClassVar[int]
    code: ClassVar[str]


class Malformed(ShopProblem):
    """Say that the request's body or a header cannot be read."""

    status = 400
    code = "malformed"


class Unauthenticated(ShopProblem):
    """Say that no known API key came with the request."""

    status = 401
    code = "unauthenticated"


class Forbidden(ShopProblem):
    """Say that the API key lacks the scope."""

    status = 403
    code = "forbidden"


class UnknownOrder(ShopProblem):
    """Say that there is no such order."""

    status = 404
    code = "unknown_order"


class AlreadyRefunded(ShopProblem):
    """Say that nothing is left to refund."""

    status = 409
    code = "already_refunded"


class OverRefund(ShopProblem):
    """Say that the amount is nothing, or more than what is left of the payment."""

    status = 422
    code = "amount_out_of_range"


class KeyReused(ShopProblem):
    """Say that an idempotency key came back with another request."""

    status = 422
    code = "idempotency_key_reused"


class WindowClosed(ShopProblem):
    """Say that an order can be returned no more."""

    status = 409
    code = "window_closed"


class NoReturn(ShopProblem):
    """Say that no return of the order is registered."""

    status = 404
    code = "no_return"
