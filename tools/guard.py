"""Owns the guard: the only place where a governed tool runs."""

import asyncio
from collections.abc import Callable, Sequence

from langchain_core.tools import BaseTool

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.policies.policy import Policy
from bailiwick.policies.principals import Principal
from bailiwick.policies.verdicts import deny
from bailiwick.tools import journal
from bailiwick.tools.bound import BoundTool
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects.branches import ANY, Branch
from bailiwick.tools.effects.calls import Calls
from bailiwick.tools.executions import STOPS, Execution
from bailiwick.tools.leases.call_leases import CallLeases
from bailiwick.tools.leases.pools import Pools
from bailiwick.tools.leases.revocations import DRAIN, Revocations
from bailiwick.tools.locations import Location
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.principals import current_principal
from bailiwick.tools.people.requests import Requests
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.strangers import Strangers
from bailiwick.tools.threads import Kind, among_tools, tell_failure, to_its_end, unless_cancelled
from bailiwick.tools.vault import Vault


class Guard:
    """Decide, lease, run, revoke and record every governed tool call.

    Whatever led to a call, `run` and `arun` decide it again: what skips a node of the graph skips
    no rule.

    Args:
        policy: What may happen.
        ledger: Where it is recorded, with the approvals and the calls beside it.
        vault: Where credentials are leased; may be left out where no tool needs one.
        principal: Tells who drives the current run.
        place: Where the threads are kept, if others than this process carry them on.

    Attributes:
        approvals: What people are asked and answer.
        calls: The calls that change something, and which of them are in doubt.
        requests: Who asked for what goes on in each thread.
        strangers: Tells the operator which agents and tools the policy does not know.
        leases: The credentials of calls; `None` without a vault.
        revocations: What ends leases behind their calls; `None` without a vault.

    Raises:
        TypeError: If the policy is something else, such as the path of one.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        ledger: Ledger,
        vault: Vault | None = None,
        principal: Callable[[], Principal] = current_principal,
        place: str = "",
    ) -> None:
        self.policy = _checked(policy)
        self.ledger = ledger
        self.vault = vault
        self.revocations = Revocations(ledger, vault) if vault is not None else None
        self.leases: CallLeases | None = None
        if vault is not None and self.revocations is not None:
            pools = Pools(vault, self.revocations, lambda: self.policy.version)
            self.leases = CallLeases(ledger, vault, self.revocations, pools=pools)
        self.principal = principal
        self.approvals = Approvals(ledger, place=place)
        self.calls = Calls(ledger)
        self.requests = Requests(ledger)
        self.strangers = Strangers(lambda: self.policy)

    def __repr__(self) -> str:
        return f"<Guard policy={self.policy!r} ledger={self.ledger!r} vault={self.vault!r}>"

    def run(self, call: ToolCall, tool: ScopedTool, branch: Branch = ANY) -> ToolResult:
        """Run one call, or say why it did not run; see `Execution` for its steps.

        Args:
            call: The call.
            tool: The tool.
            branch: The way of the thread that led to it.

        Raises:
            LedgerError: If the ledger cannot be written: nothing runs unrecorded.
        """
        return _in_order(Execution(self, call, tool, branch))

    async def arun(self, call: ToolCall, tool: ScopedTool, branch: Branch = ANY) -> ToolResult:
        """Do what `run` does without blocking the event loop; cancelled, it still revokes."""
        execution = Execution(self, call, tool, branch)
        if tool.blocks:
            return await _in_a_thread(execution)
        # Before the tool begins Vault may be asked, or its own `reconcile`.
        waits = tool.scope is not None or tool.reconciler is not None
        return await _on_the_loop(execution, "leases" if waits else "short")

    def decide(self, call: ToolCall) -> Decision:
        """Say whether a call may run, given no approval."""
        return self.policy.decide(call)

    def refuse(self, call: ToolCall, reason: str) -> ToolResult:
        """Record that a call does not run for a reason that is no rule's; return what tells so."""
        entry = journal.decision(call, deny(reason, self.policy.version))
        with self.ledger.transaction() as connection:
            self.ledger.append(connection, call.thread, entry)
        return ToolResult.refused(call.tool.name, reason)

    def requester(self, where: Location, request: str) -> str:
        """Return who asked for what goes on at a place in the running graphs.

        Args:
            where: The place.
            request: The key of the person's message; empty where it is not at hand.
        """
        if where.requester is not None:
            return where.requester
        return self.requests.requester(
            where.thread, request, self.principal(), is_input=where.is_outermost
        )

    def hand_off(
        self, *, chain: tuple[str, ...], agent: str, to: str, thread: str, requester: str
    ) -> str | None:
        """Decide and record a hand-off; return the reason if it may not happen."""
        decision = self.policy.decide_handoff(agent=agent, chain=chain, to=to, requester=requester)
        entry = journal.handoff(decision, chain=chain, agent=agent, to=to, requester=requester)
        with self.ledger.transaction(flushes=False) as connection:
            self.ledger.append(connection, thread, entry)
        return None if decision.verdict == "allow" else decision.reason

    def sweep(self) -> None:
        """Have the leases ended that processes left behind when they died.

        Raises:
            LedgerError: If the ledger's database fails.
        """
        if self.revocations is not None:
            self.revocations.sweep()

    def drain(self, seconds: float = DRAIN) -> bool:
        """Wait until each lease that was given back has ended; tell whether they all have."""
        return self.revocations is None or self.revocations.drain(seconds)

    def bind(self, tools: Sequence[BaseTool], *, agent: str | None = None) -> list[BaseTool]:
        """Return tools that any graph may hold: each decides, asks, leases and records by itself.

        For a call they wait in the thread for one answer. Where several people must approve it,
        they do so on the record (`approvals.answer`): the first in the thread ends the request.

        Args:
            tools: Scoped tools.
            agent: The agent that holds them; left out, it is the one the current hand-off names.

        Raises:
            ScopeError: If a tool is not scoped, or needs a vault this guard does not have.
            TypeError: If it is one tool and no list.
        """
        given: object = tools
        if isinstance(given, BaseTool):
            raise TypeError(f"{given.name!r} comes alone: give a list, guard.bind([tool])")
        return [BoundTool.of(tool, self, agent) for tool in tools]

    def governs(self, tool: object) -> bool:
        """Tell whether a tool is bound to this very guard."""
        return isinstance(tool, BoundTool) and tool.guard is self


def _checked(given: object) -> Policy:
    # Hosts need not have their types checked.
    if not isinstance(given, Policy):
        raise TypeError(f"{given!r} is no policy: load one with Policy.from_path(...)")
    return given


def _in_order(execution: Execution) -> ToolResult:
    try:
        return execution.start() or execution.finish(execution.run())
    except STOPS:
        execution.abandon()
        raise
    finally:
        execution.revoke()


async def _on_the_loop(execution: Execution, kind: Kind) -> ToolResult:
    try:
        if (stand_in := await unless_cancelled(execution.start, kind)) is not None:
            return stand_in
        attempt = await execution.arun()
        return await to_its_end(lambda: execution.finish(attempt))
    except STOPS:
        await to_its_end(execution.abandon)
        raise
    finally:
        if execution.holds_lease:
            # It takes locks and may start the thread that ends leases.
            await to_its_end(execution.revoke)


async def _in_a_thread(execution: Execution) -> ToolResult:
    work = among_tools(lambda: _in_order(execution))
    try:
        return await asyncio.shield(work.future)
    except asyncio.CancelledError:
        if execution.prevent():
            await work.drop()
        else:
            # The tool goes on without its credential, and what comes of it is written down.
            work.future.add_done_callback(tell_failure)
            await to_its_end(execution.revoke)
        raise
