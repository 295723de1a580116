"""Owns money: whole cents inside the shop, decimal text such as `42.00` on the wire."""

from decimal import Decimal
from typing import Annotated

from pydantic import StringConstraints

CURRENCY = "EUR"

# ASCII digits only: `\d` would let other scripts' digits through.
WireAmount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,7}(\.[0-9]{1,2})?$")]
"""An amount as it comes over the wire; never a JSON number, which readers make a float of."""


def to_cents(amount: WireAmount) -> int:
    """Return an amount from the wire as whole cents."""
    return int(Decimal(amount) * 100)


def to_wire(cents: int) -> str:
    """Return whole cents as an amount for the wire, always with two decimals."""
    return f"{cents // 100}.{cents % 100:02}"
