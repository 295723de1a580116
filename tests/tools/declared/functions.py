"""Owns the functions and tools that the tests of declarations scope."""

from decimal import Decimal
from enum import Enum
from typing import Annotated

from langchain_core.tools import (
    tool,
)
from pydantic import BaseModel, Field

from bailiwick.tools.secrets.credentials import Credential


class Speed(Enum):
    """Choose how fast something is done."""

    SLOW = "slow"
    FAST = "fast"


class Line(BaseModel):
    """Be an argument that is a model itself."""

    item: str
    price: Decimal


def pay(
    to: Annotated[str, Field(description="Who gets it.")],
    amount: Decimal,
    *,
    credential: Credential,
    speed: Speed = Speed.SLOW,
    lines: list[Line] | None = None,
) -> str:
    """Pay somebody."""
    return f"{to} {amount!r} {speed} {lines} {credential.reveal()}"


async def apay(to: str, *, credential: Credential) -> str:
    """Pay somebody on the event loop."""
    return f"{to} {credential.reveal()}"


def ping(times: int = 1) -> str:
    """Ping."""
    return "pong" * times


@tool
def wave(times: int, hands: int = 2) -> str:
    """Wave."""
    return f"{times} times with {hands} hands"


def credential() -> Credential:
    """Return a credential with one value."""
    return Credential("bank/pay", {"key": "k-123"})
