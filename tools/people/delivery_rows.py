"""Owns how the outbox is read and claimed: the statements on its rows."""

from sqlalchemy import and_, bindparam, exists, or_, select, update

from bailiwick.tools.records import tables
from bailiwick.tools.records.statements import Statement

_d = tables.deliveries.c
_CLOCK = tables.database_clock()

_is_open = _d.delivered_at.is_(None)
_is_due = _d.due_at <= _CLOCK
_other = tables.deliveries.alias("other")
_is_claimed = exists().where(
    _other.c.thread == _d.thread,
    _other.c.claim.is_not(None),
    _other.c.delivered_at.is_(None),
    _other.c.due_at > _CLOCK,
)
DUE = (
    select(_d.thread, _d.requester, _d.approval, _d.due_at, (_CLOCK - _d.due_at).label("age"))
    .where(_is_open, _d.place == bindparam("here"), _is_due, ~_is_claimed)
    .where(_d.due_at >= bindparam("since"))
    .where(or_(_d.due_at > bindparam("since"), _d.approval > bindparam("last")))
    .order_by(_d.due_at, _d.approval)
    .limit(100)
)
BUSY = Statement(
    select(_d.approval)
    .where(_d.thread == bindparam("of"), _is_open, _d.claim.is_not(None), ~_is_due)
    .limit(1)
)
RUNNING = Statement(
    select(_d.approval)
    .where(_d.thread == bindparam("of"), _is_open, _d.claim.is_(None))
    .where(_d.attempts == 0, _d.error.is_(None), ~_is_due)
)
TAKE = Statement(
    update(tables.deliveries)
    .where(
        _d.thread == bindparam("of"),
        _d.requester == bindparam("by"),
        _d.place == bindparam("here"),
        _is_open,
        _is_due,
    )
    .values(claim=bindparam("token"), due_at=_CLOCK + bindparam("lapse"))
)
TAKEN = Statement(
    select(_d.approval, _d.attempts).where(
        _d.thread == bindparam("of"), _d.claim == bindparam("token"), _is_open
    )
)
OPEN = (
    select(
        _d.approval,
        _d.thread,
        _d.requester,
        _d.place,
        _d.attempts,
        _d.error,
        _d.due_at,
        and_(_d.claim.is_not(None), ~_is_due).label("is_claimed"),
        _d.delivered_at,
    )
    .where(_is_open)
    .order_by(_d.due_at, _d.approval)
)
