"""Owns the rows of wrapped keys: added, paged, wrapped anew, and what may wrap them."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, and_, insert, select, update

from bailiwick.tools.keys.transit import version_of
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import insert_once
from bailiwick.tools.records.tables import checkpoint_keys, database_clock, retired_versions

_BATCH = 200
_TABLE = checkpoint_keys.c
_ALIVE = select(_TABLE.id, _TABLE.thread, _TABLE.wrapped).where(_TABLE.wrapped.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """Hold one key as it is stored.

    Attributes:
        id: 16 hex digits.
        thread: The thread that it belongs to; None where every thread shares it.
        wrapped: The key, encrypted by the transit key.
    """

    id: str
    thread: str | None
    wrapped: str


def add(connection: Connection, thread: str | None, wrapped: str, *, uses: int) -> WrappedKey:
    """Store a new key of a thread, some of its uses taken, and return it."""
    key = WrappedKey(id=secrets.token_hex(8), thread=thread, wrapped=wrapped)
    row = {"id": key.id, "thread": thread, "wrapped": wrapped, "uses": uses}
    connection.execute(insert(checkpoint_keys).values(created_at=database_clock(), **row))
    return key


def pages(ledger: Ledger) -> Iterator[list[WrappedKey]]:
    """Iterate over the keys that were not destroyed, some at a time."""
    place = ""
    while True:
        query = _ALIVE.where(_TABLE.id > place).order_by(_TABLE.id).limit(_BATCH)
        with ledger.reading() as connection:
            page = [WrappedKey(**row) for row in connection.execute(query).mappings()]
        if not page:
            return
        yield page
        place = page[-1].id


def unchanged(connection: Connection, keys: Iterable[WrappedKey]) -> set[WrappedKey]:
    """Return which of some keys are still stored as they were."""
    given = {key.id: key for key in keys}
    rows = connection.execute(_ALIVE.where(_TABLE.id.in_(given))).mappings()
    return {WrappedKey(**row) for row in rows}.intersection(given.values())


def replace(connection: Connection, key: WrappedKey, wrapped: str) -> bool:
    """Store what a key is wrapped in now, unless it was changed; tell whether it was stored."""
    is_same = and_(_TABLE.id == key.id, _TABLE.wrapped == key.wrapped)
    change = update(checkpoint_keys).where(is_same).values(wrapped=wrapped)
    return connection.execute(change).rowcount == 1


def is_any(connection: Connection) -> bool:
    """Tell whether there is a key, or was one that was destroyed."""
    return connection.scalar(select(_TABLE.id).limit(1)) is not None


def is_any_older(connection: Connection, version: int) -> bool:
    """Tell whether an older version wraps a key."""
    alive = select(_TABLE.wrapped).where(_TABLE.wrapped.is_not(None))
    return any(version_of(str(wrapped)) < version for wrapped in connection.scalars(alive))


def oldest(connection: Connection, transit_key: str) -> int:
    """Return the oldest version of a transit key whose work may be stored; 0 if any may."""
    name = retired_versions.c.transit_key == transit_key
    return connection.scalar(select(retired_versions.c.oldest).where(name)) or 0


def set_oldest(connection: Connection, transit_key: str, version: int) -> None:
    """Let nobody store what a version of a transit key before this one has wrapped."""
    row = {"transit_key": transit_key, "oldest": version}
    if not insert_once(connection, retired_versions, row):
        name = retired_versions.c.transit_key == transit_key
        connection.execute(update(retired_versions).where(name).values(oldest=version))
