"""Owns the intents of calls: what was about to run, and what came of it."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import digest
from bailiwick.tools import tables
from bailiwick.tools.database import insert_once
from bailiwick.tools.ledger import Ledger

_table = tables.calls
_now = tables.database_clock()

Outcome: TypeAlias = Literal["succeeded", "failed"]
"""What came of a call that ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Tell what stands of a call.

    Attributes:
        key: The key its outcome is written under.
        state: `new` (it may run now), `succeeded` or `failed` (it has run), or `in_doubt` (it was
            started and its outcome was never written: it must not run again).
        result: What it returned, redacted, where it has run.
    """

    key: str
    state: Literal["new", "succeeded", "failed", "in_doubt"]
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """Hold one call as it is stored.

    Attributes:
        key: Tells it from every other call.
        thread: The LangGraph thread.
        namespace: Where in the thread it arose.
        tool_call_id: The model's tool call id.
        agent: The agent that called.
        tool: The tool's name.
        effect: What the tool does to the world.
        digest: The digest of the call as it was executed.
        state: `started` until its outcome is written.
        result: What it returned, redacted.
        started_at: Epoch seconds of the database's clock.
        ended_at: The same.
    """

    key: str
    thread: str
    namespace: str
    tool_call_id: str
    agent: str
    tool: str
    effect: str
    digest: str
    state: Literal["started", "succeeded", "failed"]
    result: str | None
    started_at: float
    ended_at: float | None


class Calls:
    """Keep the intents and outcomes of calls in the ledger's database.

    A call is known by where it arose (thread, namespace, tool call id), its tool and its
    arguments. Neither a new policy nor a new version of the tool makes it another call: one that
    was started under the old ones is not run again under the new.

    Args:
        ledger: The ledger whose database holds them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, connection: Connection, call: ToolCall, policy_version: str) -> Intent:
        """Write that a call is about to run, or tell what stands of it already.

        Args:
            connection: The transaction; the call may run once it is committed.
            call: The call as it will be executed.
            policy_version: The version of the policy that allowed it.

        Raises:
            LedgerError: If the database fails.
        """
        self._ledger.lock(connection, call.thread)
        key = call.digest(policy_version)
        row = {
            "key": key,
            "occurrence": _occurrence(call),
            "thread": call.thread,
            "namespace": call.namespace,
            "tool_call_id": call.id,
            "agent": call.agent,
            "tool": call.tool.name,
            "effect": call.tool.effect,
            "digest": key,
            "state": "started",
            "started_at": connection.scalars(_CLOCK).one(),
        }
        if insert_once(connection, _table, row):
            return Intent(key=key, state="new")
        standing = connection.execute(_STANDING, {"occurrence": row["occurrence"]})
        return _intent(standing.mappings().one())

    def standing(
        self,
        connection: Connection,
        call: ToolCall,
        policy_version: str,  # noqa: ARG002 - a call stays the same call under another policy
    ) -> Intent | None:
        """Tell what stands of a call; `None` where it never began.

        Until the transaction ends nobody else can begin it.

        Raises:
            LedgerError: If the database fails.
        """
        self._ledger.lock(connection, call.thread)
        standing = connection.execute(_STANDING, {"occurrence": _occurrence(call)})
        row = standing.mappings().one_or_none()
        return None if row is None else _intent(row)

    def end(self, connection: Connection, key: str, state: Outcome, result: str | None) -> bool:
        """Write what came of a call; tell whether it was still open.

        Args:
            connection: The transaction.
            key: The key that `begin` gave.
            state: How it ended.
            result: What it returned, redacted.

        Raises:
            LedgerError: If the database fails.
        """
        values = {"of": key, "new": state, "returned": result}
        return connection.execute(_END, values).rowcount == 1

    def list(self, *, thread: str | None = None, in_doubt: bool = False) -> tuple[CallRecord, ...]:
        """Return calls, oldest first.

        Args:
            thread: Only those of this thread.
            in_doubt: Only those that were started and whose outcome was never written. A call that
                runs right now is among them.

        Raises:
            LedgerError: If the database fails.
        """
        query = _CALLS
        if thread is not None:
            query = query.where(_table.c.thread == thread)
        if in_doubt:
            query = query.where(_table.c.state == "started")
        with self._ledger.reading() as connection:
            return tuple(CallRecord(**row) for row in connection.execute(query).mappings())


def _occurrence(call: ToolCall) -> str:
    return digest([call.thread, call.namespace, call.id, call.tool.name, call.plain_args])


def _intent(row: RowMapping) -> Intent:
    state: Any = row["state"]
    return Intent(
        key=row["key"],
        state="in_doubt" if state == "started" else state,
        result=row["result"],
    )


_CLOCK = select(_now)
_STANDING = select(_table.c.key, _table.c.state, _table.c.result).where(
    _table.c.occurrence == bindparam("occurrence")
)
_END = (
    update(_table)
    .where(_table.c.key == bindparam("of"), _table.c.state == "started")
    .values(state=bindparam("new"), result=bindparam("returned"), ended_at=_now)
)
_CALLS = select(*[column for column in _table.c if column.name != "occurrence"]).order_by(
    _table.c.started_at, _table.c.key
)
