"""Owns the search for what a reading has dropped: keys that nothing was read from."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import product
from typing import Any

from pydantic import BaseModel, RootModel

from bailiwick.policies.canonical import composed, plain_record
from bailiwick.policies.field_names import read_names


def unread_keys(given: object, read: object, at: str = "") -> Iterator[str]:
    """Return where keys stand that a model, a dataclass or a mapping was not read from.

    Args:
        given: JSON values.
        read: What a schema has made of them.
        at: Where they stand, such as `line`.
    """
    if isinstance(read, RootModel):
        yield from unread_keys(given, read.root, at)
    elif isinstance(given, Mapping) and (known := _known(read)) is not None:
        for key, value in given.items():
            place = f"{at}.{key}" if at else str(key)
            if (name := composed(key)) in known:
                yield from unread_keys(value, known[name], place)
            else:
                yield place
    elif isinstance(given, list) and isinstance(read, list | tuple | set | frozenset):
        # A set has lost the order: each of its elements is known by the same names.
        in_order = len(given) == len(read) and isinstance(read, list | tuple)
        for item, made in zip(given, read, strict=True) if in_order else product(given, read):
            yield from unread_keys(item, made, at)


def _known(read: object) -> Mapping[str, Any] | None:
    """Return what was read, by each name that it is read by; nothing for what has no names."""
    if isinstance(read, BaseModel):
        named = read_names(type(read))
        known = {key: getattr(read, name) for name, keys in named.items() for key in keys}
        return {**(read.model_extra or {}), **known}
    if is_dataclass(read) and not isinstance(read, type):
        return {field.name: getattr(read, field.name) for field in fields(read) if field.init}
    if isinstance(read, Mapping):
        return dict(zip(plain_record(dict.fromkeys(read)), read.values(), strict=True))
    return None
