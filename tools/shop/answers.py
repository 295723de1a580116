"""Owns the shop's answers as its tools read them, and the sentences they become for a model."""

from abc import abstractmethod
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

Sentence = Annotated[str, StringConstraints(max_length=500)]


class Answer(BaseModel):
    """Stand at the root of the answers' bodies."""

    # The shop is free to add fields: a foreign system's answer is read for what is needed.
    model_config = ConfigDict(extra="ignore", frozen=True)

    @property
    @abstractmethod
    def sentence(self) -> str:
        """The answer as a model reads it."""


AnswerT = TypeVar("AnswerT", bound=Answer)


class OrderFacts(Answer):
    """Hold the answer to `GET /orders/{id}`."""

    id: Sentence
    customer: Sentence
    item: Sentence
    delivered_on: date
    currency: Sentence
    total: Decimal
    paid: Decimal
    refunded: Decimal
    note: str

    @property
    def sentence(self) -> str:
        """The order's facts, and at their end the customer's note in quotation marks."""
        note = f'"{self.note}"' if self.note else "none"
        return (
            f"Order {self.id}: {self.item} for {self.customer}, delivered on {self.delivered_on}. "
            f"Total {self.total} {self.currency}, paid {self.paid}, refunded {self.refunded}. "
            f"Customer's note: {note}"
        )


class ReturnWindow(Answer):
    """Hold the answer to `GET /orders/{id}/return-window`."""

    order_id: Sentence
    return_days: int
    delivered_on: date
    closes_on: date
    open: bool

    @property
    def sentence(self) -> str:
        """Whether the window is open, and the days it is reckoned from."""
        state = "is open until" if self.open else "closed on"
        return (
            f"The return window of order {self.order_id} {state} {self.closes_on}: "
            f"{self.return_days} days from the delivery on {self.delivered_on}."
        )


class RefundReceipt(Answer):
    """Hold the answer to `POST /refunds`."""

    id: Sentence
    order_id: Sentence
    amount: Decimal
    currency: Sentence

    @property
    def sentence(self) -> str:
        """What was paid back on which order."""
        return f"Refunded {self.amount} {self.currency} on order {self.order_id} ({self.id})."


class RefundsFound(Answer):
    """Hold the answer to `GET /refunds`."""

    refunds: list[RefundReceipt]

    @property
    def sentence(self) -> str:
        """What was paid back, if anything was."""
        return " ".join(each.sentence for each in self.refunds) or "The shop made no such refund."


class ReturnReceipt(Answer):
    """Hold the answer to `PUT` and `DELETE /orders/{id}/return`."""

    id: Sentence
    order_id: Sentence
    cancelled_at: Sentence | None

    @property
    def sentence(self) -> str:
        """Whether the return is on."""
        state = "registered" if self.cancelled_at is None else "cancelled"
        return f"The return of order {self.order_id} is {state} ({self.id})."


class Problem(Answer):
    """Hold the body that comes with a refusal."""

    detail: Sentence

    @property
    def sentence(self) -> str:
        """What the shop says of its refusal."""
        return self.detail


def parsed(response: httpx.Response, kind: type[AnswerT]) -> AnswerT | None:
    """Return the response's body, or `None` if it cannot be read as such an answer."""
    try:
        return kind.model_validate_json(response.content)
    except ValidationError:
        return None


def refusal(response: httpx.Response) -> str:
    """Return why the shop refused, in a sentence."""
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "The shop refused the key."
    problem = parsed(response, Problem)
    return problem.sentence if problem else f"The shop answered with status {response.status_code}."
