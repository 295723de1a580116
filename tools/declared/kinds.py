"""Owns the kinds of a value's parts, which its plain form does not tell."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass

from pydantic import BaseModel

from bailiwick.policies.field_names import named_parts


def kinds(value: object) -> list[object]:
    """Return of which types a value is made: with one plain form and these, two values are equal.

    A whole float is an integer, as it is to JSON.
    """
    kind = float if isinstance(value, int) and not isinstance(value, bool) else type(value)
    return [kind, *_parts(value)]


def _parts(value: object) -> Iterator[object]:
    match value:
        case str() | bytes() | bytearray():
            pass
        case BaseModel():
            yield from map(kinds, named_parts(value).values())
        case Mapping():
            yield from ((kinds(key), kinds(part)) for key, part in value.items())
        case AbstractSet():
            yield from sorted(repr(kinds(part)) for part in value)
        case Sequence():
            yield from map(kinds, value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            yield from (kinds(getattr(value, field.name)) for field in fields(value))
        case _:
            pass
