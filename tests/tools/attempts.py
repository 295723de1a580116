"""Owns what the tests of results share: results as a model reads them, and tools that raise."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from pydantic import BaseModel, SecretStr
from typing_extensions import override

from bailiwick.policies.redaction import Redactor
from bailiwick.tools.attempts import Attempt
from bailiwick.tools.results import ToolResult

SECRET = 'key-"7f3a"\n/end'
NOTHING = Redactor([])


class Receipt(BaseModel):
    """Be a model that a tool returns."""

    order_id: str
    amount: Decimal
    key: SecretStr = SecretStr("hidden")


@dataclass
class Plain:
    """Be an object without a JSON form."""

    word: str


class UnspeakableError(Exception):
    """Fail even at telling what went wrong."""

    @override
    def __str__(self) -> str:
        raise RuntimeError(SECRET)


def seen(value: object, *secrets: str) -> ToolResult:
    """Return the result of a tool that returned a value."""
    return Attempt(value).redacted("pay", Redactor(secrets), changes=False)


def circle() -> list[object]:
    """Return a list that contains itself."""
    round_about: list[object] = []
    round_about.append(round_about)
    return round_about


def deep() -> list[object]:
    """Return a list nested deeper than Python's stack."""
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


def raise_it(error: BaseException) -> NoReturn:
    """Raise an error."""
    raise error


async def araise(error: BaseException) -> NoReturn:
    """Raise an error on the event loop."""
    raise error
