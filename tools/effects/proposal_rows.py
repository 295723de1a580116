"""Owns how proposals are kept: calls that people want made, each in a thread of its own making."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection, bindparam, exists, select, update

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import Json
from bailiwick.policies.decisions import Decision
from bailiwick.policies.written import shortened
from bailiwick.tools.effects import call_rows
from bailiwick.tools.effects.call_rows import CallRecord, State
from bailiwick.tools.records import tables
from bailiwick.tools.records.database import now
from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.records.statements import Row, Statement, insert_once

GRACE = 60.0
"""Seconds after which what was proposed and not begun is taken to be left by its process."""

Kind: TypeAlias = Literal["retry", "undo"]

PREFIXES = ("retry-", "undo-")
"""How the ids of their threads begin: no other thread is looked up for what is proposed in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """State a call that a person wants made because of another.

    Attributes:
        thread: The LangGraph thread it is made in.
        tool_call_id: The id it has there.
        position: Its place among those of the thread.
        kind: Whether it tries the other call again, or undoes it.
        call: The key of the other call.
        origin: The thread of the other call.
        agent: The agent that is to make it.
        chain: The agents the other call came through, without `agent`.
        tool: The tool.
        args: The arguments, as plain values.
        idempotency_key: That of the call it tries again; empty for its own.
        requester: The id of the person who wants it.
        state: `open` until it has succeeded (`done`) or will not any more (`dropped`).
    """

    thread: str
    tool_call_id: str
    position: int
    kind: Kind
    call: str
    origin: str
    agent: str
    chain: tuple[str, ...]
    tool: str
    args: Mapping[str, Json]
    idempotency_key: str
    requester: str
    state: Literal["open", "done", "dropped"] = "open"

    def refusal(self, decision: Decision) -> str:
        """Return why its call must not run whatever else is said of it; empty if it may.

        Nobody has agreed to a second try where no rule asks anybody.
        """
        if self.state != "open":
            return "What was proposed is over: propose it anew."
        if self.kind == "retry" and decision.verdict == "allow":
            return (
                "A call in doubt is tried again with an approval alone, and no rule asks for one."
            )
        return ""


_c = tables.proposals.c
_proposals = select(*[column for column in _c if column.name != "proposed_at"]).order_by(
    _c.thread, _c.position
)
_OF_CALL = Statement(
    _proposals.where(
        _c.thread == bindparam("of"),
        _c.tool_call_id == bindparam("id"),
        _c.tool == bindparam("named"),
    )
)
_OF_THREAD = Statement(_proposals.where(_c.thread == bindparam("of")))
_BECAUSE_OF = Statement(
    _proposals.where(_c.call == bindparam("of")).order_by(None).order_by(_c.proposed_at, _c.thread)
)
_OF_ORIGIN = Statement(_proposals.where(_c.origin == bindparam("of"), _c.state != "dropped"))
_is_open = _c.state == "open"
_OPEN_OF = Statement(
    select(_c.thread).where(_c.origin == bindparam("of"), _is_open).order_by(_c.proposed_at)
)
_UNBEGUN = Statement(
    select(_c.thread)
    .where(
        _is_open,
        _c.proposed_at < tables.database_clock() - GRACE,
        ~exists().where(tables.calls.c.thread == _c.thread),
        ~exists().where(tables.approvals.c.thread == _c.thread),
    )
    .order_by(_c.proposed_at)
)
_calls = tables.calls.alias("later")
_LEFT_LATER = Statement(
    select(_calls.c.key, _calls.c.tool)
    .where(
        _calls.c.thread == bindparam("of"),
        _calls.c.state == "succeeded",
        _calls.c.started_at
        > select(tables.calls.c.started_at)
        .where(tables.calls.c.key == bindparam("undone"))
        .scalar_subquery(),
        ~exists().where(_c.call == _calls.c.key, _c.state != "dropped"),
    )
    .order_by(_calls.c.started_at.desc())
    .limit(1)
)
_CLOSE = Statement(
    update(tables.proposals)
    .where(_c.thread == bindparam("of"), _c.tool_call_id == bindparam("id"), _c.state == "open")
    .values(state=bindparam("new"))
)


def add(connection: Connection, proposal: Proposal) -> bool:
    """Insert a proposal unless one stands for the same call; tell whether it was inserted."""
    row = {
        "thread": proposal.thread,
        "tool_call_id": proposal.tool_call_id,
        "position": proposal.position,
        "kind": proposal.kind,
        "call": proposal.call,
        "origin": proposal.origin,
        "agent": proposal.agent,
        "chain": json.dumps(proposal.chain),
        "tool": proposal.tool,
        "args": json.dumps(proposal.args),
        "idempotency_key": proposal.idempotency_key,
        "requester": proposal.requester,
        "state": proposal.state,
        "proposed_at": now(connection),
    }
    return insert_once(connection, tables.proposals, row)


def of_call(connection: Connection, call: ToolCall) -> Proposal | None:
    """Return the proposal that a call fulfils, with whichever arguments, if it does."""
    if not call.thread.startswith(PREFIXES):
        return None
    return _of(connection, call.thread, call.id, call.tool.name)


def reason(connection: Connection, call: ToolCall) -> str:
    """Return why a call is proposed, in a sentence for who approves it; empty where it is not."""
    match of_call(connection, call):
        case Proposal(kind="retry", call=other, origin=thread):
            return (
                f"It is another try of call {shortened(other)} in thread {thread}, whose "
                "outcome nobody knows: it may have taken effect."
            )
        case Proposal(kind="undo", call=other, origin=thread):
            said = f"It undoes call {shortened(other)} in thread {thread}."
            return " ".join([said, *_left_later(connection, thread, other)])
        case _:
            return ""


def _left_later(connection: Connection, thread: str, undone: str) -> list[str]:
    left = _LEFT_LATER.one(connection, {"of": thread, "undone": undone})
    if left is None:
        return []
    return [f"Call {shortened(left['key'])} of {left['tool']} came later there, and is not undone."]


def of_thread(connection: Connection, thread: str) -> list[Proposal]:
    """Return what is proposed in a thread, in order."""
    return [_proposal(row) for row in _OF_THREAD.all(connection, {"of": thread})]


def of_origin(connection: Connection, thread: str) -> list[Proposal]:
    """Return what stands proposed because of the calls of a thread."""
    return [_proposal(row) for row in _OF_ORIGIN.all(connection, {"of": thread})]


def end(connection: Connection, ledger: Ledger, call: CallRecord, outcome: State) -> None:
    """Write what came of a proposal whose call has ended, if the call fulfils one.

    Args:
        connection: The transaction that writes the call's outcome, too.
        ledger: The ledger.
        call: The call.
        outcome: Its outcome.
    """
    if proposal := fulfilled(connection, call):
        close(connection, ledger, proposal, outcome)


def fulfilled(connection: Connection, call: CallRecord) -> Proposal | None:
    """Return the proposal that a call was made for, if it was."""
    return _of(connection, call.thread, call.tool_call_id, call.tool)


def because_of(connection: Connection, call: CallRecord) -> list[Proposal]:
    """Return what was proposed because of a call, oldest first, also what came to nothing."""
    return [_proposal(row) for row in _BECAUSE_OF.all(connection, {"of": call.key})]


def open_threads(connection: Connection, origin: str | None) -> list[str]:
    """Return the threads where something is open: of an origin, or what nobody has begun."""
    found = (_UNBEGUN if origin is None else _OPEN_OF).all(connection, {"of": origin})
    return list(dict.fromkeys(row["thread"] for row in found))


def close(
    connection: Connection, ledger: Ledger, proposal: Proposal, outcome: State | None
) -> None:
    """Write what came of a proposal; where it is in doubt, it stays open.

    What was to be tried again and was not, or without effect, is in doubt as before.

    Args:
        connection: The transaction that writes the call's outcome, too.
        ledger: The ledger.
        proposal: The proposal.
        outcome: The outcome of its call; `None` where it was not made and will not be.
    """
    place = {"of": proposal.thread, "id": proposal.tool_call_id}
    match outcome:
        case "succeeded":
            _CLOSE.change(connection, {**place, "new": "done"})
        case None | "failed":
            if _CLOSE.change(connection, {**place, "new": "dropped"}) != 1:
                return
            reopened = proposal.kind == "retry" and call_rows.reopen(connection, proposal.call)
            ledger.append(connection, proposal.origin, dropped(proposal, reopened=reopened))
        case _:
            pass


def made(proposal: Proposal) -> Entry:
    """Say in the other call's thread what was proposed because of it, and where."""
    return Entry("proposal.made", _body(proposal))


def dropped(proposal: Proposal, *, reopened: bool) -> Entry:
    """Say there that it came to nothing, and whether the other call is in doubt again."""
    return Entry("proposal.dropped", {**_body(proposal), "in_doubt": reopened})


def _body(proposal: Proposal) -> dict[str, Json]:
    return {
        "kind": proposal.kind,
        "call": proposal.call,
        "thread": proposal.thread,
        "tool_call_id": proposal.tool_call_id,
        "requester": proposal.requester,
        "agent": proposal.agent,
        "tool": proposal.tool,
        "args": dict(proposal.args),
    }


def _of(connection: Connection, thread: str, tool_call_id: str, tool: str) -> Proposal | None:
    place = {"of": thread, "id": tool_call_id, "named": tool}
    row = _OF_CALL.one(connection, place)
    return None if row is None else _proposal(row)


def _proposal(row: Row) -> Proposal:
    fields = dict(row)
    chain, args = json.loads(fields.pop("chain")), json.loads(fields.pop("args"))
    return Proposal(**fields, chain=tuple(chain), args=args)
