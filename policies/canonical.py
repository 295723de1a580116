"""Owns the canonical form of a value: what digests and the ledger's hash chain are taken over."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from json import JSONEncoder
from typing import Any, TypeAlias
from uuid import UUID

import rfc8785
from pydantic import BaseModel

# Integers beyond this are not exact in every JSON reader (RFC 7493, section 2.2).
MAX_SAFE_INTEGER = 2**53 - 1

# Numbers with an exponent beyond this are spelled with it: 1E+999999999 must stay short.
MAX_EXPONENT = 400

_encode = JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True
).encode

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"


def plain(value: object) -> Json:  # noqa: C901, PLR0911, PLR0912 - one case a kind of value
    """Return `value` as JSON values that mean the same wherever they are read.

    Decimals, floats and integers over 53 bits become strings in their shortest spelling, so that
    `40`, `40.0` and `4E+1` given as money are one value; text is put into Unicode's form NFC;
    models, enums, dates, sets and tuples become their plain counterparts.

    Raises:
        TypeError: If the value has no plain form.
        ValueError: If two keys of a mapping have the same plain form.
    """
    match value:
        case None | bool():
            return value
        case Enum():
            return plain(value.value)
        case str():
            return unicodedata.normalize("NFC", value)
        case int():
            return value if abs(value) <= MAX_SAFE_INTEGER else _shortest(Decimal(value))
        case float():
            return plain(Decimal(repr(value)))
        case Decimal():
            return _shortest(value)
        case BaseModel():
            return plain_record(dict(value))
        case Mapping():
            return plain_record(value)
        case AbstractSet():
            return sorted((plain(item) for item in value), key=canonical)
        case bytes() | bytearray():
            return value.hex()
        case Sequence():
            return [plain(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__!r} has no canonical form: use JSON values")


def plain_record(record: Mapping[Any, object]) -> dict[str, Json]:
    """Return a mapping as a JSON object.

    Raises:
        TypeError: If a value has no plain form.
        ValueError: If two keys have the same plain form, so that one value would be lost.
    """
    fields = {
        unicodedata.normalize("NFC", str(name)): plain(value) for name, value in record.items()
    }
    if len(fields) != len(record):
        raise ValueError("two keys of one mapping differ only in type or Unicode form: rename one")
    return fields


def composed(value: Any) -> Any:  # noqa: ANN401 - JSON values, of the same types
    """Return a copy of JSON values whose text is in Unicode's form NFC, as `plain` writes it."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case Mapping():
            return {composed(name): composed(item) for name, item in value.items()}
        case list():
            return [composed(item) for item in value]
        case _:
            return deepcopy(value)


def canonical(value: Json) -> bytes:
    """Return the canonical JSON of a plain value (RFC 8785).

    Raises:
        ValueError: If text in it is none: half a character has no bytes.
    """
    text = _encode(value)
    # Of plain values Python's encoder, in C, differs in one thing: it orders keys by code point.
    return text.encode() if text.isascii() else rfc8785.dumps(value)


def digest(value: Json) -> str:
    """Return the SHA-256 of a plain value's canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _shortest(number: Decimal) -> str:
    sign, figures, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    if number.is_zero():
        return "0"
    # Not `normalize`: it rounds to the context's precision, and two numbers would share a digest.
    spelled = "".join(map(str, figures))
    shortest = spelled.rstrip("0")
    exponent += len(spelled) - len(shortest)
    text = f"{shortest}E{exponent:+d}"
    if abs(exponent) <= MAX_EXPONENT:
        text = format(Decimal(text), "f")
    return f"-{text}" if sign else text
