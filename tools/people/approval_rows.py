"""Owns how approvals are kept: their rows, the statements that change them, their records."""

import json
from collections.abc import Sequence
from dataclasses import fields as fields_of
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    or_,
    select,
    update,
)

from bailiwick.policies.answers import ANSWERS
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval, State
from bailiwick.policies.calls import ToolUse
from bailiwick.policies.decisions import Requirement
from bailiwick.policies.grants import Grant
from bailiwick.policies.scopes import Scope
from bailiwick.tools.records import ids, tables
from bailiwick.tools.records.database import now
from bailiwick.tools.records.statements import Row, Statement, check_times, insert_once, readable

Condition: TypeAlias = ColumnElement[bool]

_approvals = tables.approvals.c
_clock = tables.database_clock()

_NO_GRANTS = "[]"

# Not `in_`, whose list SQLAlchemy spells out anew for every execution.
_is_timed = or_(_approvals.state == "pending", _approvals.state == "approved")
_STATE = case(
    (and_(_is_timed, _approvals.expires_at <= _clock), "expired"),
    else_=_approvals.state,
)

_APPROVALS = select(
    _approvals.id,
    _approvals.request,
    _approvals.created_at,
    _approvals.expires_at,
    # Time runs out without anybody writing it down.
    _STATE.label("state"),
    _approvals.answer,
    _approvals.decided_by,
    _approvals.decided_roles,
    _approvals.decided_at,
    _approvals.grants,
).order_by(_approvals.created_at, _approvals.id)

_APPROVAL = Statement(_APPROVALS.where(_approvals.id == bindparam("request")))

_OPEN = Statement(
    _APPROVALS.where(
        _approvals.thread == bindparam("of"),
        _is_timed,
        _approvals.expires_at > _clock,
    )
)

_UNUSED = Statement(
    _APPROVALS.where(_approvals.thread == bindparam("of"), _approvals.state != "consumed")
)

_move = (
    update(tables.approvals)
    .where(
        _approvals.id == bindparam("asked"),
        _approvals.digest == bindparam("bound"),
        _approvals.state == bindparam("old"),
        _approvals.expires_at > _clock,
    )
    .values(state=bindparam("new"))
)

_MOVE = Statement(_move)

_DECIDE = Statement(
    _move.where(_approvals.grants == bindparam("before")).values(
        grants=bindparam("after"),
        answer=bindparam("given"),
        decided_by=bindparam("by"),
        decided_roles=bindparam("as"),
        decided_at=bindparam("when"),
    )
)

_EXPIRE = Statement(
    update(tables.approvals)
    .where(
        _approvals.id == bindparam("asked"),
        _approvals.state == "pending",
        _approvals.expires_at <= bindparam("now"),
    )
    .values(state="expired")
)


def is_now(state: State) -> Condition:
    """Say in SQL that a request stands at `state` by the database's clock."""
    match state:
        case "pending" | "approved":
            return and_(_approvals.state == state, _approvals.expires_at > _clock)
        case "expired":
            return or_(_approvals.state == state, and_(_is_timed, _approvals.expires_at <= _clock))
        case _:
            return _approvals.state == state


def is_of(thread: str) -> Condition:
    """Say in SQL that a request belongs to this thread."""
    return _approvals.thread == thread


def begins_with(prefix: str) -> Condition:
    """Say in SQL that a request's id begins like this."""
    return ids.begins_with(_approvals.id, prefix)


def is_overdue() -> Condition:
    """Say in SQL that a request has expired unanswered, and nobody has written it down."""
    return and_(_approvals.state == "pending", _approvals.expires_at <= _clock)


def find(connection: Connection, request_id: str) -> Approval | None:
    """Return one approval with its grants, if there is such a request."""
    row = _APPROVAL.one(connection, {"request": request_id})
    return None if row is None else _approval(row)


def read(
    connection: Connection, *where: Condition, limit: int | None = None, skip: int = 0
) -> list[Approval]:
    """Return the approvals that meet all conditions, with their grants, oldest first."""
    found = connection.execute(_APPROVALS.where(*where).limit(limit).offset(skip))
    return [_approval(dict(row)) for row in found.mappings().all()]


def read_open(connection: Connection, thread: str) -> list[Approval]:
    """Return what waits for an answer in a thread, or was approved and not used."""
    return [_approval(row) for row in _OPEN.all(connection, {"of": thread})]


def read_unused(connection: Connection, thread: str) -> list[Approval]:
    """Return what was asked in a thread, but for what was approved and used."""
    return [_approval(row) for row in _UNUSED.all(connection, {"of": thread})]


def add(connection: Connection, request: ApprovalRequest) -> bool:
    """Insert a request as pending unless it is there already; tell whether it was inserted."""
    fields = _fields(request)
    # They have columns, by which the database's clock decides.
    del fields["created_at"], fields["expires_at"]
    row = {
        "id": request.id,
        "digest": request.digest,
        "thread": request.thread,
        "state": "pending",
        "request": json.dumps(fields, default=_fields),
        "created_at": request.created_at,
        "expires_at": request.expires_at,
        "grants": _NO_GRANTS,
    }
    return insert_once(connection, tables.approvals, row)


def move(connection: Connection, request_id: str, digest: str, *, old: State, new: State) -> bool:
    """Change a state if it is `old` and has not expired; true for the first caller alone."""
    values = {"asked": request_id, "bound": digest, "old": old, "new": new}
    return _MOVE.change(connection, values) == 1


def decide(connection: Connection, before: Approval, after: Approval) -> bool:
    """Write what an answer has changed.

    Only if the request still stands there, has not expired, and nobody has approved it meanwhile.
    """
    values = {
        "asked": after.request.id,
        "bound": after.request.digest,
        "old": before.state,
        "new": after.state,
        "given": None if after.answer is None else after.answer.model_dump_json(),
        "by": after.decided_by,
        "as": json.dumps(sorted(after.decided_roles)),
        "when": after.decided_at,
        "before": _dumped(before.grants),
        "after": _dumped(after.grants),
    }
    return _DECIDE.change(connection, values) == 1


def expire(connection: Connection, request_id: str) -> bool:
    """Write down that a pending request has expired; tell whether this call did."""
    # By the time that its record gets: nothing expires on record before it does.
    return _EXPIRE.change(connection, {"asked": request_id, "now": now(connection)}) == 1


def _dumped(grants: Sequence[Grant]) -> str:
    return json.dumps(grants, default=_fields)


def _fields(value: ApprovalRequest | Grant) -> dict[str, Any]:
    # What is written at once need not be copied first, as `asdict` does.
    return {field.name: getattr(value, field.name) for field in fields_of(value)}


def _request(row: Row) -> ApprovalRequest:
    fields: dict[str, Any] = json.loads(row["request"])
    scope = fields.pop("scope")
    return ApprovalRequest(
        chain=tuple(fields.pop("chain")),
        tool=ToolUse(**fields.pop("tool")),
        requirements=tuple(Requirement(**rule) for rule in fields.pop("requirements")),
        rules=tuple(fields.pop("rules")),
        askers=tuple(fields.pop("askers", ())),
        scope=None if scope is None else Scope(**scope),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        **fields,
    )


def _approval(row: Row) -> Approval:
    with readable(f"the approval {row['id']!r}"):
        check_times(row, "created_at", "expires_at", "decided_at")
        return Approval(
            request=_request(row),
            state=row["state"],
            grants=tuple(Grant(**grant) for grant in json.loads(row["grants"])),
            answer=None if row["answer"] is None else ANSWERS.validate_json(row["answer"]),
            decided_by=row["decided_by"],
            decided_roles=frozenset(json.loads(row["decided_roles"] or "[]")),
            decided_at=row["decided_at"],
        )
