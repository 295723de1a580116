"""Owns the canonical form of a value: what digests and the ledger's hash chain are taken over."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from copy import deepcopy
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from json import JSONEncoder
from math import isfinite
from pathlib import PurePath
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

import rfc8785
from pydantic import BaseModel, RootModel, Secret, SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, to_jsonable_python

from bailiwick.policies.field_names import named_parts

# Integers beyond this are not exact in every JSON reader (RFC 7493, section 2.2).
MAX_SAFE_INTEGER = 2**53 - 1

# Numbers with an exponent beyond this are spelled with it: 1E+999999999 must stay short.
MAX_EXPONENT = 400

_encode = JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True
).encode

# What Python spells otherwise than ECMAScript does, which RFC 8785 follows: `1e-07`, and `1.0`.
# Text may end so as well, and is spelled right either way.
_OTHERWISE_SPELLED = re.compile(r"(?:\.0|e[-+]\d+)(?=[],}]|$)")

# From here on ECMAScript spells a number with an exponent.
_LEAST_WITH_EXPONENT = 10**21

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def plain(value: object) -> Json:
    """Return `value` as JSON values that mean the same wherever they are read.

    Decimals and integers over 53 bits become strings in their shortest spelling, so that `40`,
    `40.0` and `4E+1` given as money are one value; a float stays a number, and is an integer where
    it is whole: `1` and `1.0` are one to JSON. Text is put into Unicode's form NFC; enums, dates,
    sets and tuples become their plain counterparts, models by the names that they are read by, and
    whatever else pydantic knows (paths, durations, addresses) what it writes.

    Raises:
        TypeError: If the value has no plain form.
        ValueError: If two keys of a mapping have the same plain form, or a float is not finite.
    """
    return _form(type(value))(value)  # type: ignore[arg-type]  # mypy has a class hash its objects


def plain_record(record: Mapping[Any, object]) -> dict[str, Json]:
    """Return a mapping as a JSON object.

    Raises:
        TypeError: If a value has no plain form.
        ValueError: If two keys have the same plain form, so that one value would be lost; or a
            float is not finite.
    """
    named = {plain_name(key): plain(value) for key, value in record.items()}
    if len(named) != len(record):
        raise ValueError("two keys of one mapping differ only in type or Unicode form: rename one")
    return named


def composed(value: Any) -> Any:  # noqa: ANN401 - JSON values, of the same types
    """Return a copy of JSON values whose text is in Unicode's form NFC, as `plain` writes it."""
    match value:
        case str():
            return _composed(value)
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
    # Python's encoder, in C, differs in two things: it orders keys by code point, and spells some
    # floats in its own way.
    if text.isascii() and not _OTHERWISE_SPELLED.search(text):
        return text.encode()
    return rfc8785.dumps(_doubles(value))


def digest(value: Json) -> str:
    """Return the SHA-256 of a plain value's canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def plain_name(key: object) -> str:
    """Return how a key of a mapping is written.

    Raises:
        TypeError: If it has no plain form.
        ValueError: If it is a float that is not finite.
    """
    return str(plain(key))


def _written(value: object) -> Json:
    """Return what pydantic writes, of what it writes as a whole: no mask, and nothing used up."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain_record({field.name: getattr(value, field.name) for field in fields(value)})
    if not isinstance(value, SecretStr | SecretBytes | Secret | Iterator):
        with suppress(PydanticSerializationError):
            return plain(to_jsonable_python(value))
    raise TypeError(f"{type(value).__name__!r} has no canonical form: use JSON values")


def _number(value: float) -> Json:
    if not isfinite(value):
        raise ValueError(f"{value} is no number that JSON has: give a finite one")
    is_whole = value.is_integer() and abs(value) <= MAX_SAFE_INTEGER
    return int(value) if is_whole else float(value)


def _doubles(value: Json) -> Json:
    """Take large integers for floats: where canonical JSON was read, they were."""
    match value:
        case dict():
            return {name: _doubles(item) for name, item in value.items()}
        case list():
            return [_doubles(item) for item in value]
        case int() if MAX_SAFE_INTEGER < abs(value) < _LEAST_WITH_EXPONENT:
            return float(value)
        case _:
            return value


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


_composed = partial(unicodedata.normalize, "NFC")

# Of a value that is of several of these kinds, the first says what it is.
_FORMS: tuple[tuple[tuple[type, ...], Callable[[Any], Json]], ...] = (
    ((NoneType, bool), lambda value: value),
    ((Enum,), lambda value: plain(value.value)),
    ((str,), _composed),
    ((int,), lambda value: value if abs(value) <= MAX_SAFE_INTEGER else _shortest(Decimal(value))),
    ((float,), _number),
    ((Decimal,), _shortest),
    ((RootModel,), lambda value: plain(value.root)),
    ((BaseModel,), lambda value: plain_record(named_parts(value))),
    ((Mapping,), plain_record),
    ((AbstractSet,), lambda value: sorted(map(plain, value), key=canonical)),
    ((bytes, bytearray), lambda value: value.hex()),
    ((Sequence,), lambda value: [plain(item) for item in value]),
    ((datetime, date, time), lambda value: value.isoformat()),
    ((UUID, PurePath), str),
)


# To try all kinds takes longer than to write most values.
@lru_cache(maxsize=512)
def _form(kind: type) -> Callable[[Any], Json]:
    return next((form for kinds, form in _FORMS if issubclass(kind, kinds)), _written)
