"""Owns what people propose because of a call: to try it again, or to undo it."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import Json, plain_record
from bailiwick.policies.errors import CallError
from bailiwick.policies.principals import Principal
from bailiwick.policies.written import shortened
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects import call_rows, proposal_rows
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.proposal_rows import Kind, Proposal
from bailiwick.tools.results import ToolResult

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard

__all__ = ["Holdings", "Proposal", "Proposals"]

Holdings: TypeAlias = Mapping[str, Sequence[ScopedTool]]
"""Which agent holds which tools."""


@dataclass(frozen=True, slots=True)
class _Call:
    """Hold what is to be called: the tool, and its arguments as plain values."""

    tool: ScopedTool
    args: dict[str, Json]


class Proposals:
    """Write down what people propose; the guard knows each proposed call by its place there.

    A proposed call is a call like any: decided, approved, leased and recorded. Of one call, one
    proposal stands at a time.

    Args:
        guard: The guard that runs what is proposed.
        holdings: Which agent holds which tools, those that undo calls included.
    """

    def __init__(self, guard: "Guard", holdings: Holdings) -> None:
        self._guard = guard
        self._ledger = guard.ledger
        self._tools = {
            agent: {tool.name: tool for tool in tools} for agent, tools in holdings.items()
        }

    def retry(
        self, key: str, *, by: Principal, requester: Principal | None = None, reason: str = ""
    ) -> Proposal:
        """Settle a call in doubt as one to be tried again, and propose it anew, in a new thread.

        It takes an approval of its own, whatever approved it the first time, and keeps its
        idempotency key: a system that deduplicates does it once. If it comes to nothing, the call
        is in doubt as before.

        Args:
            key: The call's key or its beginning.
            by: Who settles it, as authenticated by the host.
            requester: Whose request the new call is; the same person's where left out.
            reason: Why.

        Raises:
            CallError: If the call cannot be settled, or no rule would ask anybody about it.
            LedgerError: If the database fails.
        """
        call, asks = self._guard.calls.find(key), requester or by
        again = _Call(self._fitting(call), call.args)
        (proposal,) = _proposals("retry", [(call, again)], asks.id)
        self._check_asked(proposal, again.tool)
        found = ToolResult.refused(
            call.tool,
            f"Nobody knows its outcome, and {by.id} wants it tried again in thread "
            f"{proposal.thread!r}: see there.",
        )
        with self._ledger.transaction() as connection:
            self._guard.calls.settle_within(
                connection,
                call,
                "retried",
                by=by,
                reason=reason,
                found=found,
                thread=proposal.thread,
            )
            if not proposal_rows.add(connection, proposal):
                raise CallError(f"call {shortened(call.key)!r} is being tried again already")
            self._ledger.append(connection, call.thread, proposal_rows.made(proposal))
        return proposal

    def undo(self, thread: str, *, requester: Principal) -> list[Proposal]:
        """Propose to undo what succeeded in a thread, newest first, in a new thread.

        What stands proposed already, or cannot be undone, is left out; what was tried again in
        another thread is not.

        Args:
            thread: The thread.
            requester: Who wants it.

        Raises:
            CallError: If the arguments of an undoing call cannot be built.
            LedgerError: If the database fails.
        """
        found = [(call, undoing) for call in self._done(thread) if (undoing := self._inverse(call))]
        with self._ledger.transaction() as connection:
            # A thread before the one it goes back to, as where what was proposed ends.
            for each in [*sorted({call.thread for call, _ in found} - {thread}), thread]:
                self._ledger.lock(connection, each)
            made = [
                proposal
                for proposal in _proposals("undo", found, requester.id)
                if proposal_rows.add(connection, proposal)
            ]
            for proposal in made:
                entry = proposal_rows.made(proposal)
                self._ledger.append(connection, proposal.origin, entry)
        return made

    def tool(self, call: CallRecord) -> ScopedTool | None:
        """Return the tool of a call, where its agent still holds it."""
        return self._tools.get(call.agent, {}).get(call.tool)

    def get(self, thread: str, tool_call_id: str) -> Proposal:
        """Return one proposal.

        Raises:
            CallError: If there is no such proposal.
            LedgerError: If the database fails.
        """
        for each in self.of(thread):
            if each.tool_call_id == tool_call_id:
                return each
        raise CallError(f"nothing of the kind was proposed in thread {thread!r}: propose it anew")

    def of(self, thread: str) -> list[Proposal]:
        """Return what was proposed in a thread, in its order.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return proposal_rows.of_thread(connection, thread)

    def open_threads(self, *, origin: str | None = None) -> list[str]:
        """Return the threads in which something proposed is open, oldest first.

        Args:
            origin: Only what was proposed because of this thread's calls; left out, what has not
                even been begun after a while.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return proposal_rows.open_threads(connection, origin)

    def step(self, thread: str, answered: Iterable[str]) -> Proposal | None:
        """Return what is to be called next in a thread; `None` where nothing is left.

        Each call waits for the one before. Where that did not succeed, what comes after it is
        dropped, and may be proposed anew.

        Args:
            thread: The thread.
            answered: The ids of the tool calls that have an answer.

        Raises:
            LedgerError: If the database fails.
        """
        asked, stopped = set(answered), False
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, thread)
            calls = call_rows.read(connection, call_rows.is_of(thread))
            made = {(call.tool_call_id, call.tool) for call in calls}
            for each in proposal_rows.of_thread(connection, thread):
                if each.state == "done":
                    continue
                if each.state == "open" and not stopped and each.tool_call_id not in asked:
                    return each
                if (each.tool_call_id, each.tool) not in made:
                    proposal_rows.close(connection, self._ledger, each, None)
                stopped = True
        return None

    def _done(self, thread: str) -> Iterator[CallRecord]:
        threads = [thread]
        with self._ledger.reading() as connection:
            for each in threads:
                again = proposal_rows.of_origin(connection, each)
                threads += [retry.thread for retry in again if retry.kind == "retry"]
            calls = [
                call
                for each in threads
                for call in call_rows.read(connection, call_rows.is_of(each))
            ]
        yield from sorted(
            (call for call in calls if call.state == "succeeded"),
            key=lambda call: (call.ended_at or 0, call.started_at),
            reverse=True,
        )

    def _inverse(self, call: CallRecord) -> _Call | None:
        tool = self.tool(call)
        if tool is None or tool.compensation is None:
            return None
        undoing = tool.compensation.tool
        try:
            built = tool.compensation.args(tool.validate_args(call.args), call.content)
            args = plain_record(undoing.validate_args(built))
        except Exception as error:  # noqa: BLE001 - whatever its author's function raises
            raise CallError(
                f"{call.tool!r} cannot be undone by {undoing.name!r}: its author's function built "
                f"no arguments that fit ({type(error).__name__})"
            ) from None
        return _Call(undoing, args)

    def _fitting(self, call: CallRecord) -> ScopedTool:
        tool = self.tool(call)
        if tool is None:
            raise CallError(f"{call.agent!r} holds no tool {call.tool!r} any more: settle the call")
        try:
            same = plain_record(tool.validate_args(call.args)) == call.args
        except ValueError:
            same = False
        if not same:
            raise CallError(
                f"the arguments of call {shortened(call.key)!r} fit {call.tool!r} no more: settle "
                "the call, and have the agent ask anew"
            )
        return tool

    def _check_asked(self, proposal: Proposal, tool: ScopedTool) -> None:
        call: dict[str, Any] = {"id": proposal.tool_call_id, "requester": proposal.requester}
        verdict = self._guard.decide(
            ToolCall(
                **call,
                thread=proposal.thread,
                chain=proposal.chain,
                agent=proposal.agent,
                tool=tool.use,
                args=tool.validate_args(proposal.args),
            )
        ).verdict
        if verdict == "review":
            return
        why = "the policy denies it now" if verdict == "deny" else "no rule asks for an approval"
        raise CallError(
            f"{proposal.tool!r} cannot be tried again: {why}, and a call in doubt is tried again "
            "with a fresh approval alone; find out what came of it, and settle it"
        )


def _proposals(
    kind: Kind, wanted: Sequence[tuple[CallRecord, _Call]], requester: str
) -> list[Proposal]:
    thread = f"{kind}-{secrets.token_hex(6)}"
    return [
        Proposal(
            thread=thread,
            tool_call_id=f"call_{secrets.token_hex(12)}",
            position=position,
            kind=kind,
            call=call.key,
            origin=call.thread,
            agent=call.agent,
            chain=call.chain,
            tool=again.tool.name,
            args=again.args,
            idempotency_key=call.idempotency_key if kind == "retry" else "",
            requester=requester,
        )
        for position, (call, again) in enumerate(wanted)
    ]
