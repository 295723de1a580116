"""Owns who has asked for anything in a thread, as the ledger tells it."""

import json

from sqlalchemy import Connection, bindparam, select

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records import tables
from bailiwick.tools.records.statements import Statement


def askers(connection: Connection, thread: str) -> tuple[str, ...]:
    """Return the ids of all who have asked for something in a thread, in that order.

    Raises:
        LedgerError: If the database fails, or a record of it cannot be read.
    """
    try:
        asked = [json.loads(row["body"]) for row in _ASKED.all(connection, {"in": thread})]
        return tuple(dict.fromkeys(str(each["requester"]) for each in asked))
    except (ValueError, TypeError, KeyError):
        raise LedgerError(
            f"a request on record in thread {thread!r} was changed: `bailiwick audit verify` says "
            "which"
        ) from None


_records = tables.records.c
_ASKED = Statement(
    select(_records.body)
    .where(_records.thread == bindparam("in"), _records.kind == "request")
    .order_by(_records.seq)
)
