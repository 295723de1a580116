"""Owns what people propose because of a call: to try it again, or to undo it."""

import secrets
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import plain_record
from bailiwick.policies.errors import CallError
from bailiwick.policies.principals import Principal
from bailiwick.policies.written import shortened
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects import call_rows, proposal_rows, undoings
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.called_tools import CalledTools, Holdings, versions
from bailiwick.tools.effects.proposal_rows import Kind, Proposal
from bailiwick.tools.effects.undoings import Left, Undoing, Wanted

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard


class Proposals:
    """Write down what people propose; the guard knows each proposed call by its place there.

    A proposed call is a call like any: decided, approved, leased and recorded. Of one call, one
    proposal stands at a time.

    Args:
        guard: The guard that runs what is proposed.
        holdings: Which agent holds which tools, those that undo calls included.
        replaced: Versions of tools that these replace, under the same agent and name.
    """

    def __init__(self, guard: "Guard", holdings: Holdings, replaced: Iterable[str] = ()) -> None:
        self._guard = guard
        self._ledger = guard.ledger
        self._called = CalledTools(holdings, replaced)

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
        again = Wanted(because=call, tool=self._fitting(call), args=call.args)
        (proposal,) = _proposals("retry", [again], asks.id)
        self._check_asked(proposal, again.tool)
        with self._ledger.transaction() as connection:
            self._guard.calls.settle_within(
                connection,
                call,
                "retried",
                by=by,
                reason=reason,
                found=None,
                thread=proposal.thread,
            )
            if not proposal_rows.add(connection, proposal):
                raise CallError(f"call {shortened(call.key)!r} is being tried again already")
            self._ledger.append(connection, call.thread, proposal_rows.made(proposal))
        return proposal

    def undo(self, thread: str, *, requester: Principal) -> Undoing:
        """Propose to undo what succeeded in a thread, newest first, in a new thread.

        What stands proposed already, or whose tool declares nothing that undoes it, is left out;
        what was tried again in another thread is not. A call whose undoing cannot be built holds
        up no other: it is told of, and the calls from before it are proposed all the same.

        Args:
            thread: The thread.
            requester: Who wants it.

        Raises:
            LedgerError: If the database fails.
        """
        found, left = self._inverses(undoings.done(self._ledger, thread))
        with self._ledger.transaction() as connection:
            # A thread before the one it goes back to, as where what was proposed ends.
            for each in [*sorted({each.because.thread for each in found} - {thread}), thread]:
                self._ledger.lock(connection, each)
            made = [
                proposal
                for proposal in _proposals("undo", found, requester.id)
                if proposal_rows.add(connection, proposal)
            ]
            for proposal in made:
                entry = proposal_rows.made(proposal)
                self._ledger.append(connection, proposal.origin, entry)
        return Undoing(made=made, left=left)

    def tool(self, call: CallRecord) -> ScopedTool:
        """Return the tool that a call was made with.

        Raises:
            CallError: If its agent does not hold it here, or another one of its name.
            LedgerError: If the database fails.
        """
        version = versions(self._ledger, [call]).get(call.key)
        try:
            return self._called.tool(call, version)
        except CallError as error:
            raise CallError(
                f"{error}: find out and settle the call, or ask from the program that holds its "
                "tool"
            ) from None

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
        dropped, and may be proposed anew. So is what is not for the tools that are held here.

        Args:
            thread: The thread.
            answered: The ids of the tool calls that have an answer.

        Raises:
            LedgerError: If the database fails.
        """
        asked = set(answered)
        following = self._following(thread, asked)
        if following is None or self._is_held(following):
            return following
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, thread)
            proposal_rows.close(connection, self._ledger, following, None)
        return self._following(thread, asked)

    def _following(self, thread: str, asked: AbstractSet[str]) -> Proposal | None:
        stopped = False
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

    def _is_held(self, proposal: Proposal) -> bool:
        try:
            self.tool(self._guard.calls.find(proposal.call))
        except CallError:
            return False
        return True

    def _inverses(self, done: Sequence[CallRecord]) -> tuple[list[Wanted], list[Left]]:
        called, found, left = versions(self._ledger, done), list[Wanted](), list[Left]()
        for call in done:
            try:
                wanted = self._inverse(call, called.get(call.key))
            except CallError as error:
                left.append(Left(call=call, why=str(error)))
                continue
            found += [wanted] if wanted else []
        return found, left

    def _inverse(self, call: CallRecord, version: str | None) -> Wanted | None:
        try:
            tool = self._called.tool(call, version)
        except CallError as error:
            raise CallError(
                f"{error}: undo it by hand, or from the program that holds its tool"
            ) from None
        return undoings.inverse(call, tool)

    def _fitting(self, call: CallRecord) -> ScopedTool:
        tool = self.tool(call)
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


def _proposals(kind: Kind, wanted: Sequence[Wanted], requester: str) -> list[Proposal]:
    thread = f"{kind}-{secrets.token_hex(6)}"
    return [
        Proposal(
            thread=thread,
            tool_call_id=f"call_{secrets.token_hex(12)}",
            position=position,
            kind=kind,
            call=each.because.key,
            origin=each.because.thread,
            agent=each.because.agent,
            chain=each.because.chain,
            tool=each.tool.name,
            args=each.args,
            idempotency_key=each.because.idempotency_key if kind == "retry" else "",
            requester=requester,
        )
        for position, each in enumerate(wanted)
    ]
