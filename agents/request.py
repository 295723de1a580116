"""Owns what a person's request says: which order, how much money, and what to do."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Aim = Literal["status", "window", "return", "refund"]
"""What is asked: how an order stands, whether it can be returned, to note that it is, its money."""

_END = r"(?![\w-]|[.,][0-9])"
_START = r"(?<![\w.,-])"
_LETTERED_ID = re.compile(r"(?<![\w-])[A-Za-z]{1,5}-[0-9]{1,12}(?![\w-])")
_NAMED_ID = re.compile(
    rf"\border\s*(?:id|number|no\.?)?\s*[:#]?\s*([0-9]{{1,12}}){_END}", re.IGNORECASE
)
_PLAIN_ID = re.compile(rf"{_START}([0-9]{{1,12}}){_END}")

# 1,200.00 or 1.200,00 or 40,00 or 40, in ASCII digits alone
_NUMBER = r"(?:[0-9]{1,3}(?:[.,][0-9]{3}){1,2}|[0-9]{1,9})(?:[.,][0-9]{1,2})?(?!\w|[.,][0-9])"
_SIGN_AFTER = r"(?:[$€£]|(?:eur|usd|gbp|euros?|dollars?|pounds?)\b)"
_MARKED_AMOUNTS = (
    re.compile(rf"(?:[$€£]|\b(?:eur|usd|gbp)\b)\s*({_NUMBER})", re.IGNORECASE),
    re.compile(rf"{_START}({_NUMBER})\s*{_SIGN_AFTER}", re.IGNORECASE),
    re.compile(rf"{_START}([0-9]{{1,9}}[.,][0-9]{{2}})(?!\w|[.,][0-9])"),
)
_COUNTED = r"(?!\s*(?:%|(?:percent|days?|weeks?|months?|years?|hours?|items?|pieces?|times|of)\b))"
_FILLER = r"(?:[\s,:]+(?:me|only|just|of|order|for|on|my|the))*"
_BARE_AMOUNTS = (
    re.compile(
        rf"\b(?:refund|pay\s+back|give\s+back){_FILLER}[\s,:]+({_NUMBER}){_COUNTED}", re.IGNORECASE
    ),
    re.compile(rf"{_START}({_NUMBER})\s+(?:back|on|for|from)\b", re.IGNORECASE),
)

_PAY_BACK = re.compile(
    r"\brefund|\breimburs|\bmoney\s+back|\b(?:pay|give)\b.{0,30}\bback|\breturn\b.{0,20}\bmoney"
    r"|[0-9]\s*(?:\w{1,9}\s+)?back\b",
    re.IGNORECASE,
)
_NO_PAY_BACK = re.compile(
    r"\b(?:not|don['\u2019]t|never|without|no)\s+(?:\w+\s+)?(?:refund|reimburs)"
    r"|\brefund\s+status|\bstatus\s+of\b.{0,20}\brefund|\brefundable"
    r"|\b(?:was|were|did|has|already)\b.{0,30}\brefund",
    re.IGNORECASE,
)
_SEND_BACK = re.compile(r"\breturn|\bsend\b.{0,20}\bback|\brefundable", re.IGNORECASE)
_REGISTER = re.compile(r"\bregister\b.{0,30}\breturn|\breturn\b.{0,30}\bregister", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.!?]{0,40}\b(?:rules?|instructions?|polic(?:y|ies))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """State what a person asks for, as far as the text says it.

    Attributes:
        aim: What is asked.
        order_ids: The orders named, each once, in the order they are named.
        amount: How much money, where the text says it.
    """

    aim: Aim
    order_ids: tuple[str, ...] = ()
    amount: Decimal | None = None

    @property
    def order_id(self) -> str | None:
        """The first order named."""
        return self.order_ids[0] if self.order_ids else None


def read_request(text: str) -> Request:
    """Read a request; any text is one, if only one that names nothing.

    An order id is letters, a dash and digits; where there is none, a plain number that is not
    money.
    """
    order_ids = _order_ids(text)
    rest = _without_ids(order_ids, text)
    return Request(aim=_aim(rest), order_ids=order_ids, amount=read_amount(rest))


def read_amount(text: str) -> Decimal | None:
    """Return the first amount of money in a text, such as `40`, `$40`, `40.00` or `40 EUR`.

    A number that nothing marks as money counts only where a refund of it is asked for.
    """
    for pattern in (*_MARKED_AMOUNTS, *_BARE_AMOUNTS):
        if match := pattern.search(text):
            return _decimal(match[1])
    return None


def read_instruction(text: str) -> str | None:
    """Return the part of a text that tells its reader to ignore the rules, from there to its end.

    Acting on it is the mistake that the scripted model makes on purpose.
    """
    match = _INSTRUCTION.search(text)
    return text[match.start() :] if match else None


def _aim(text: str) -> Aim:
    if _PAY_BACK.search(text) and not _NO_PAY_BACK.search(text):
        return "refund"
    if _REGISTER.search(text):
        return "return"
    return "window" if _SEND_BACK.search(text) else "status"


def _order_ids(text: str) -> tuple[str, ...]:
    lettered = [found.upper() for found in _LETTERED_ID.findall(text)]
    return tuple(dict.fromkeys(lettered or _NAMED_ID.findall(text) or _plain_ids(text)))


def _plain_ids(text: str) -> list[str]:
    text = _without(_MARKED_AMOUNTS, text)
    ids = _PLAIN_ID.findall(text)
    return ids if len(ids) == 1 else _PLAIN_ID.findall(_without(_BARE_AMOUNTS, text))


def _without_ids(order_ids: tuple[str, ...], text: str) -> str:
    for order_id in order_ids:
        text = re.sub(rf"(?<![\w-]){order_id}(?![\w-])", " ", text, flags=re.IGNORECASE)
    return text


def _without(patterns: tuple[re.Pattern[str], ...], text: str) -> str:
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return text


def _decimal(number: str) -> Decimal:
    grouped = re.sub(r"[.,](?=[0-9]{3})", "", number)
    return Decimal(grouped.replace(",", ".")).quantize(Decimal("0.01"))
