"""Owns the calls that change something: what was about to run, what came of it, who settled it."""

from collections.abc import Iterable
from typing import Literal, get_args

from sqlalchemy import Connection

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.errors import CallError
from bailiwick.policies.principals import Principal
from bailiwick.policies.settlements import Outcome, authorise_settlement
from bailiwick.policies.written import rfc3339, shortened
from bailiwick.tools import journal
from bailiwick.tools.effects import call_rows as rows
from bailiwick.tools.effects import proposal_rows
from bailiwick.tools.effects.call_rows import CallRecord, Intent, State
from bailiwick.tools.people import approval_rows
from bailiwick.tools.records import tables
from bailiwick.tools.records.ids import only
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import count
from bailiwick.tools.results import ToolResult

LASTS = 300.0
"""Seconds for which a call without a credential can be under way."""

SLACK = 30.0
"""Seconds that a call can take to get its credential and to write its outcome, beside its ttl."""


class Calls:
    """Keep the intents and outcomes of calls in the ledger's database.

    A call is known by where it arose (thread, namespace, tool call id), its tool and its
    arguments as they were written. Neither a new policy nor a new version of the tool makes it
    another call: one that was started under the old ones is not run again under the new.

        for call in calls.list(in_doubt=True):
            print(call.tool, call.args, call.content)
            calls.settle(call.key, "failed", by=manager, reason="The bank knows nothing of it.")

    Args:
        ledger: The ledger whose database holds them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(
        self,
        connection: Connection,
        call: ToolCall,
        policy_version: str,
        *,
        lasts: float = LASTS,
        idempotency_key: str = "",
    ) -> Intent:
        """Write that a call is about to run, or tell what stands of it already.

        Args:
            connection: The transaction; the call may run once it is committed.
            call: The call as it will be executed.
            policy_version: The version of the policy that allowed it.
            lasts: Seconds for which it can be under way; afterwards it is in doubt.
            idempotency_key: That of the call it tries again; its own where left out.

        Raises:
            LedgerError: If the database fails.
        """
        self._ledger.lock(connection, call.thread)
        return rows.begin(
            connection,
            call,
            call.digest(policy_version),
            lasts=lasts,
            idempotency_key=idempotency_key or call.occurrence,
        )

    def standing(self, connection: Connection, call: ToolCall) -> Intent | None:
        """Tell what stands of a call; `None` where it never began.

        Until the transaction ends nobody else can begin it.

        Raises:
            LedgerError: If the database fails.
        """
        self._ledger.lock(connection, call.thread)
        return rows.standing(connection, call)

    def begun(self, call: ToolCall) -> Intent | None:
        """Tell what stands of a call, under whichever rules it began; `None` where it never did.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return rows.standing(connection, call)

    def end(self, connection: Connection, key: str, state: State, result: str | None) -> bool:
        """Write what came of a call; tell whether it was still open.

        Args:
            connection: The transaction.
            key: The key that `begin` gave.
            state: How it ended.
            result: What it returned, redacted.

        Raises:
            LedgerError: If the database fails.
        """
        return rows.end(connection, key, state, result)

    def list(
        self, *, thread: str | None = None, in_doubt: bool = False, skip: int = 0
    ) -> tuple[CallRecord, ...]:
        """Return calls, oldest first.

        Args:
            thread: Only those of this thread.
            in_doubt: Only those whose outcome nobody knows, and that run nowhere any more.
            skip: How many of the oldest are left out.

        Raises:
            LedgerError: If the database fails.
        """
        return self._read(_wanted(thread, in_doubt=in_doubt), skip)

    def count(self, *, thread: str | None = None, in_doubt: bool = False) -> int:
        """Count what `list` returns.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return count(connection, tables.calls, *_wanted(thread, in_doubt=in_doubt))

    def under_way(self, thread: str | None = None) -> tuple[CallRecord, ...]:
        """Return the calls that can still have their effect, oldest first; of one thread or of all.

        Raises:
            LedgerError: If the database fails.
        """
        return self._read((*_wanted(thread), rows.is_under_way()))

    def find(self, beginning: str) -> CallRecord:
        """Return the one call whose key begins like this.

        Args:
            beginning: As many of the key's digits as tell it apart, or all of them.

        Raises:
            CallError: If there is none, or more than one.
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            found = rows.read(connection, rows.begins_with(beginning), limit=2) if beginning else []
        return only({each.key: each for each in found}, beginning, "call", CallError)

    def settle(self, key: str, outcome: Outcome, *, by: Principal, reason: str = "") -> CallRecord:
        """Say what came of a call that is in doubt; whoever executes it again is told so.

        Of several people who settle one call at once the first one does, and the others are told
        who did.

        Args:
            key: The call's key or its beginning.
            outcome: What the person found out.
            by: Who settles, as authenticated by the host.
            reason: How they know, for the ledger and for whoever executes the call again.

        Raises:
            CallError: If there is no such call, it is under way or has an outcome, the person may
                not settle it, or nothing is settled so.
            LedgerError: If the database fails.
        """
        if outcome not in get_args(Outcome):
            raise CallError(f"no call is settled as {outcome!r}: say 'succeeded' or 'failed'")
        call = self.find(key)
        with self._ledger.transaction() as connection:
            found = _found(call, outcome, by, reason)
            self.settle_within(connection, call, outcome, by=by, reason=reason, found=found)
            proposal_rows.end(connection, self._ledger, call, outcome)
        return self.find(call.key)

    def settle_within(  # noqa: PLR0913 - who settles what, how and why
        self,
        connection: Connection,
        call: CallRecord,
        outcome: Outcome | Literal["retried"],
        *,
        by: Principal,
        reason: str,
        found: ToolResult | None,
        thread: str | None = None,
    ) -> None:
        """Do what `settle` does as a part of a transaction.

        Args:
            connection: The transaction.
            call: The call.
            outcome: What the person found out, or that it is tried again.
            by: Who settles, as authenticated by the host.
            reason: How they know.
            found: What whoever executes the call again is told; `None` keeps what was known.
            thread: Where it is tried again.

        Raises:
            CallError: As `settle`.
            LedgerError: If the database fails.
        """
        self._ledger.lock(connection, call.thread)
        # The request for a call's approval is named by the beginning of the call's digest.
        approval = approval_rows.find(connection, call.key[:32])
        rules = approval.request.requirements if approval else ()
        authorise_settlement(
            by=by,
            tool=call.tool,
            effect=call.effect,
            requester=call.requester,
            roles={rule.role for rule in rules},
        )
        result = None if found is None else found.dumps()
        if not rows.settle(connection, call.key, outcome, result=result, by=by.id, reason=reason):
            (standing,) = rows.read(connection, rows.begins_with(call.key))
            raise CallError(_closed(standing))
        entry = journal.settled(call, outcome, by=by, reason=reason, thread=thread)
        self._ledger.append(connection, call.thread, entry)

    def _read(self, where: Iterable[rows.Condition], skip: int = 0) -> tuple[CallRecord, ...]:
        with self._ledger.reading() as connection:
            return tuple(rows.read(connection, *where, skip=skip))


def _wanted(thread: str | None, *, in_doubt: bool = False) -> tuple[rows.Condition, ...]:
    of_thread = () if thread is None else (rows.is_of(thread),)
    return (*of_thread, rows.is_in_doubt()) if in_doubt else of_thread


def _found(call: CallRecord, outcome: Outcome, by: Principal, reason: str) -> ToolResult:
    why = f": {reason}" if reason else "."
    match outcome:
        case "succeeded":
            return ToolResult(
                content=f"{call.tool} took effect, as {by.id} found out{why}", outcome="succeeded"
            )
        case "failed":
            return ToolResult(
                content=f"{call.tool} had no effect, as {by.id} found out{why}", outcome="failed"
            )


def _closed(call: CallRecord) -> str:
    said = f"call {shortened(call.key)!r} of {call.tool!r}"
    if call.state == "under_way":
        until = rfc3339(call.until)
        return f"{said} may be under way until {until}: settle it when that is over"
    when = "" if call.ended_at is None else f" at {rfc3339(call.ended_at)}"
    if call.state == "retried":
        return f"{said} is tried again, as {call.settled_by!r} wanted{when}: see what comes of that"
    if call.settled_by is None:
        return f"{said} {call.state}{when}: there is nothing to settle"
    return f"{said} was settled as {call.state!r} by {call.settled_by!r}{when}"
