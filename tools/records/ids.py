"""Owns ids as people give them: as many digits as tell one row from the others."""

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy import ColumnElement, and_

from bailiwick.policies.errors import BailiwickError

T = TypeVar("T")


LISTED = {"call": "`bailiwick calls ls`", "request": "`bailiwick approvals ls --all`"}
"""Which command lists what there is of a kind."""


def begins_with(ids: ColumnElement[str], beginning: str) -> ColumnElement[bool]:
    """Say in SQL that an id begins like this: as a range, which the column's index serves.

    Args:
        ids: The column; it compares bytes.
        beginning: The digits that were given, or whatever was.
    """
    # Ids are of hexadecimal digits, and behind each of them comes a "g".
    return and_(ids >= beginning, ids < f"{beginning}g")


def only(found: Mapping[str, T], beginning: str, kind: str, error: type[BailiwickError]) -> T:
    """Return what was found by the beginning of its id, if that is one thing.

    Args:
        found: What there is, by its whole id.
        beginning: The digits that were given.
        kind: What it is called: `call` or `request`.
        error: What to raise if there is none, or more than one.
    """
    if not found:
        raise error(f"there is no {kind} {beginning!r}: {LISTED[kind]} lists those there are")
    if len(found) > 1:
        one, other, *_ = found
        raise error(
            f"{beginning!r} begins the ids of several {kind}s, {one!r} and {other!r} among them: "
            "give more digits"
        )
    return next(iter(found.values()))
