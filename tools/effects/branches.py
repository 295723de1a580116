"""Owns which branch of a thread may change something unasked: the first from one point."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, or_, select, update

from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import Statement, insert_once

BRANCHED = (
    "Another run of this thread went on from an earlier point and has changed something: it may be "
    "done already. Do not ask for it a second time."
)

_branches = tables.branches.c

_TAKEN = Statement(
    select(_branches.graph, _branches.checkpoint).where(
        _branches.thread == bindparam("of"), _branches.request == bindparam("asked")
    )
)
_MOVE = Statement(
    update(tables.branches)
    .where(
        _branches.thread == bindparam("of"),
        _branches.request == bindparam("asked"),
        _branches.graph == bindparam("within"),
        or_(_branches.checkpoint == bindparam("old"), _branches.checkpoint == bindparam("new")),
    )
    .values(checkpoint=bindparam("new"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Name a checkpoint that led to a call.

    Attributes:
        graph: The checkpoint namespace of the graph that it is of.
        checkpoint: Its id.
        after: The checkpoint from which something was changed before, which it goes on from;
            `None` where nothing was.
    """

    graph: str
    checkpoint: str
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Name the way that led to a call.

    Attributes:
        request: The key of the person's message that all of it is for; empty where it is not known.
        points: A checkpoint of each graph that the call arose in, from the outermost in; none where
            it does not matter which way it was.
    """

    request: str = ""
    points: Sequence[Point] = ()


ANY = Branch()
"""A way of which nothing is known."""


def taken(ledger: Ledger, thread: str, request: str) -> dict[str, str]:
    """Return by graph the checkpoint from which something was changed last, for one request.

    Raises:
        LedgerError: If the database fails.
    """
    with ledger.reading() as connection:
        found = _TAKEN.all(connection, {"of": thread, "asked": request})
    return {row["graph"]: row["checkpoint"] for row in found}


def claim(connection: Connection, thread: str, branch: Branch) -> bool:
    """Have a branch change something; false if another one has meanwhile.

    Args:
        connection: The transaction that writes the intent, with the thread's lock.
        thread: The thread.
        branch: The branch.
    """
    for point in branch.points:
        place = {"of": thread, "asked": branch.request, "within": point.graph}
        if _MOVE.change(connection, {**place, "old": point.after, "new": point.checkpoint}):
            continue
        row = {
            "thread": thread,
            "request": branch.request,
            "graph": point.graph,
            "checkpoint": point.checkpoint,
        }
        if point.after is not None or not insert_once(connection, tables.branches, row):
            return False
    return True
