"""Owns how calls are kept: what a row says, and the statements that change one."""

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, or_, select, update

from bailiwick.policies.calls import Effect, ToolCall
from bailiwick.policies.canonical import Json
from bailiwick.policies.written import shortened
from bailiwick.tools.records import ids, tables
from bailiwick.tools.records.database import now
from bailiwick.tools.records.statements import Row, Statement, check_times, insert_once, readable

Condition: TypeAlias = ColumnElement[bool]

State: TypeAlias = Literal["under_way", "in_doubt", "succeeded", "failed", "retried"]
"""Where a call stands: under way → succeeded | failed | in doubt → succeeded | failed | retried.

A call whose outcome nobody has written is in doubt from when it can be under way no longer. One
that is tried again is in doubt again if that comes to nothing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Tell what stands of a call.

    Attributes:
        key: The key its outcome is written under.
        state: `new` (it may run now), or where it stands.
        result: What it returned, redacted, where it has run or a person has settled it.
        idempotency_key: What tells it from every other call in systems that deduplicate.
        settled_by: Who settled it, or wants it tried again.
    """

    key: str
    state: Literal["new"] | State
    result: str | None = None
    idempotency_key: str = ""
    settled_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """Hold one call as it is stored.

    Attributes:
        key: Tells it from every other call; its digest, as the ledger has it.
        thread: The LangGraph thread.
        namespace: Where in the thread it arose.
        tool_call_id: The model's tool call id.
        requester: The id of the principal who asked.
        chain: The agents the request came through, without `agent`.
        agent: The agent that called.
        tool: The tool's name.
        effect: What the tool does to the world.
        args: The arguments it was executed with, as plain values.
        idempotency_key: What tells it from every other call in systems that deduplicate.
        state: Where it stands by the database's clock.
        result: What it returned, redacted, or what a person or `reconcile` found out.
        started_at: Epoch seconds of the database's clock.
        until: Until when it can be under way; the same clock.
        ended_at: When its outcome was written; the same clock.
        settled_by: Who settled it; `None` where nobody had to.
        reason: Why it was settled so.
    """

    key: str
    thread: str
    namespace: str
    tool_call_id: str
    requester: str
    chain: tuple[str, ...]
    agent: str
    tool: str
    effect: Effect
    args: dict[str, Json]
    idempotency_key: str
    state: State
    result: str | None
    started_at: float
    until: float
    ended_at: float | None
    settled_by: str | None
    reason: str | None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows yet what came of it."""
        return self.state in {"under_way", "in_doubt"}

    @property
    def content(self) -> str:
        """What it returned, as text; empty where nothing is known."""
        with readable(f"the call {self.key!r}"):
            content = json.loads(self.result)["content"] if self.result else ""
        return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


_c = tables.calls.c
_clock = tables.database_clock()
_is_over = _c.until <= _clock
_is_in_doubt = or_(_c.state == "in_doubt", and_(_c.state == "started", _is_over))
_is_under_way = and_(_c.state == "started", ~_is_over)
_STATE = case((_c.state != "started", _c.state), (_is_over, "in_doubt"), else_="under_way").label(
    "state"
)

_intents = select(_c.key, _STATE, _c.result, _c.idempotency_key, _c.settled_by)
_STANDING = Statement(_intents.where(_c.occurrence == bindparam("of")))
# A model can write one call twice, in two spellings: they have one key.
_BEGUN = Statement(
    _intents.where(or_(_c.occurrence == bindparam("of"), _c.key == bindparam("named")))
)
_ANYWHERE = Statement(
    _intents.where(
        _c.thread == bindparam("of"),
        _c.tool_call_id == bindparam("id"),
        _c.tool == bindparam("named"),
    )
)
_UNDER_WAY = Statement(select(_c.key).where(_c.thread == bindparam("of"), _is_under_way).limit(1))
_ALIKE = Statement(
    select(_c.key, _c.thread, _STATE)
    .where(
        or_(_c.state == "started", _c.state == "in_doubt"),
        _c.tool == bindparam("named"),
        _c.args == bindparam("given"),
    )
    .order_by(_c.started_at.desc())
    .limit(1)
)
_END = Statement(
    update(tables.calls)
    .where(_c.key == bindparam("of"), _c.state == "started")
    .values(state=bindparam("new"), result=bindparam("returned"), ended_at=_clock)
)
_settle = (
    update(tables.calls)
    .where(_c.key == bindparam("of"), _is_in_doubt)
    .values(
        state=bindparam("new"),
        result=func.coalesce(bindparam("found"), _c.result),
        settled_by=bindparam("by"),
        reason=bindparam("why"),
        ended_at=_clock,
    )
)
_SETTLE = Statement(_settle)
_SETTLE_LATE = Statement(_settle.where(_is_over))
_REOPEN = Statement(
    update(tables.calls)
    .where(_c.key == bindparam("of"), _c.state == "retried")
    .values(state="in_doubt", settled_by=None, reason=None, ended_at=None)
)
_CALLS = select(
    *[column for column in _c if column.name not in {"occurrence", "state"}], _STATE
).order_by(_c.started_at, _c.key)


def begin(
    connection: Connection, call: ToolCall, key: str, *, lasts: float, idempotency_key: str
) -> Intent:
    """Insert a call as started unless it is there already; tell which."""
    begun = now(connection)
    row = {
        "key": key,
        "occurrence": call.occurrence,
        "thread": call.thread,
        "namespace": call.namespace,
        "tool_call_id": call.id,
        "requester": call.requester,
        "chain": json.dumps(call.chain),
        "agent": call.agent,
        "tool": call.tool.name,
        "effect": call.tool.effect,
        "args": json.dumps(call.plain_args),
        "idempotency_key": idempotency_key,
        "state": "started",
        "started_at": begun,
        "until": begun + lasts,
    }
    if insert_once(connection, tables.calls, row):
        return Intent(key=key, state="new", idempotency_key=idempotency_key)
    (stands,) = _BEGUN.all(connection, {"of": call.occurrence, "named": key})
    return Intent(**stands)


def standing(connection: Connection, call: ToolCall) -> Intent | None:
    """Return what stands of a call; `None` where it never began."""
    row = _STANDING.one(connection, {"of": call.occurrence})
    return None if row is None else Intent(**row)


def standing_anywhere(connection: Connection, call: ToolCall) -> Intent | None:
    """Return what stands of a call wherever in its thread it arose, with whichever arguments."""
    place = {"of": call.thread, "id": call.id, "named": call.tool.name}
    row = _ANYWHERE.one(connection, place)
    return None if row is None else Intent(**row)


def is_calling(connection: Connection, thread: str) -> bool:
    """Tell whether a call of a thread is under way."""
    return _UNDER_WAY.one(connection, {"of": thread}) is not None


def open_one_alike(connection: Connection, call: ToolCall) -> str:
    """Return a sentence on the latest equal call whose outcome nobody knows; empty without one."""
    given = json.dumps(call.plain_args)
    alike = _ALIKE.one(connection, {"named": call.tool.name, "given": given})
    if alike is None:
        return ""
    stands = "is in doubt" if alike["state"] == "in_doubt" else "may still be under way"
    return (
        f"Beware: an equal call, {shortened(alike['key'])} in thread {alike['thread']}, {stands}: "
        "it may have taken effect."
    )


def end(connection: Connection, key: str, state: State, result: str | None) -> bool:
    """Write what came of a call unless somebody has settled it; tell whether it was open."""
    return _END.change(connection, {"of": key, "new": state, "returned": result}) == 1


def settle(  # noqa: PLR0913 - one statement with its values
    connection: Connection,
    key: str,
    state: State,
    *,
    result: str | None,
    by: str | None,
    reason: str,
    only_when_over: bool = False,
) -> bool:
    """Write the outcome of a call if it is in doubt; true for the first caller alone.

    Args:
        connection: The transaction.
        key: The call's key.
        state: Its outcome.
        result: What whoever executes the call again is told; `None` keeps what was known.
        by: Who settles it; `None` where its tool's `reconcile` does.
        reason: Why.
        only_when_over: Whether to leave it alone while it could still have its effect.
    """
    values = {"of": key, "new": state, "found": result, "by": by, "why": reason}
    statement = _SETTLE_LATE if only_when_over else _SETTLE
    return statement.change(connection, values) == 1


def reopen(connection: Connection, key: str) -> bool:
    """Put a call that was tried again back in doubt; tell whether this call did."""
    return _REOPEN.change(connection, {"of": key}) == 1


def is_of(thread: str) -> Condition:
    """Say in SQL that a call belongs to this thread."""
    return _c.thread == thread


def is_in_doubt() -> Condition:
    """Say in SQL that a call is in doubt by the database's clock."""
    return _is_in_doubt


def is_under_way() -> Condition:
    """Say in SQL that a call can still have its effect by the database's clock."""
    return _is_under_way


def begins_with(prefix: str) -> Condition:
    """Say in SQL that a call's key begins like this."""
    return ids.begins_with(_c.key, prefix)


def read(
    connection: Connection, *where: Condition, limit: int | None = None, skip: int = 0
) -> list[CallRecord]:
    """Return the calls that meet all conditions, oldest first."""
    found = connection.execute(_CALLS.where(*where).limit(limit).offset(skip))
    return [_record(dict(row)) for row in found.mappings().all()]


def _record(fields: Row) -> CallRecord:
    with readable(f"the call {fields['key']!r}"):
        check_times(fields, "started_at", "until", "ended_at")
        chain, args = json.loads(fields.pop("chain")), json.loads(fields.pop("args"))
        return CallRecord(**fields, chain=tuple(chain), args=args)
