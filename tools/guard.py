"""Owns the guard: the only place where a governed tool runs."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from langchain_core.tools import BaseTool
from sqlalchemy import Connection

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.policy import Policy
from bailiwick.policies.principals import Principal
from bailiwick.policies.redaction import Redactor
from bailiwick.policies.verdicts import deny
from bailiwick.tools import journal
from bailiwick.tools.approvals import Approvals
from bailiwick.tools.bound import BoundTool
from bailiwick.tools.calls import Calls, Outcome
from bailiwick.tools.credentials import Credential
from bailiwick.tools.leases import Lease
from bailiwick.tools.ledger import Entry, Ledger
from bailiwick.tools.principals import current_principal
from bailiwick.tools.results import Attempt, ToolResult
from bailiwick.tools.scoped import ScopedTool
from bailiwick.tools.vault import Vault

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Guard:
    """Decide, lease, run, revoke and record every governed tool call.

    Whatever led to a call, `run` and `arun` decide it again: what skips a node of the graph skips
    no rule.

    Args:
        policy: What may happen.
        ledger: Where it is recorded, with the approvals and the calls beside it.
        vault: Where credentials are leased; may be left out where no tool needs one.
        principal: Tells who drives the current run.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        ledger: Ledger,
        vault: Vault | None = None,
        principal: Callable[[], Principal] = current_principal,
    ) -> None:
        self.policy = policy
        self.ledger = ledger
        self.vault = vault
        self.principal = principal
        self.approvals = Approvals(ledger)
        self.calls = Calls(ledger)

    def run(self, call: ToolCall, tool: ScopedTool) -> ToolResult:
        """Run one call, or say why it did not run.

        Raises:
            LedgerError: If the ledger cannot be written: nothing runs unrecorded.
        """
        execution = Execution(call, tool)
        try:
            if (stand_in := self._start(execution)) is not None:
                return stand_in
            attempt = Attempt.of(lambda: tool.call(call.args, execution.credential))
            return self._finish(execution, attempt)
        finally:
            self._revoke(execution)

    async def arun(self, call: ToolCall, tool: ScopedTool) -> ToolResult:
        """Do what `run` does without blocking the event loop; cancelled, it still revokes."""
        execution = Execution(call, tool)
        try:
            if (stand_in := await _to_its_end(lambda: self._start(execution))) is not None:
                return stand_in
            attempt = await Attempt.aof(lambda: tool.acall(call.args, execution.credential))
            return await _to_its_end(lambda: self._finish(execution, attempt))
        finally:
            if execution.lease is not None:
                await _to_its_end(lambda: self._revoke(execution))

    def decide(self, call: ToolCall) -> Decision:
        """Say whether a call may run, given no approval."""
        return self.policy.decide(call)

    def refuse(self, call: ToolCall, reason: str) -> ToolResult:
        """Record that a call does not run for a reason that no rule has, and tell the model."""
        self._append(call, journal.decision(call, deny(reason, self.policy.version)))
        return ToolResult.refused(call.tool.name, reason)

    def hand_off(self, *, chain: tuple[str, ...], agent: str, to: str, thread: str) -> str | None:
        """Decide and record a hand-off; return the reason if it may not happen."""
        requester = self.principal().id
        decision = self.policy.decide_handoff(agent=agent, chain=chain, to=to, requester=requester)
        entry = journal.handoff(decision, chain=chain, agent=agent, to=to, requester=requester)
        with self.ledger.transaction() as connection:
            self.ledger.append(connection, thread, entry)
        return None if decision.verdict == "allow" else decision.reason

    def bind(self, tools: Sequence[BaseTool], *, agent: str | None = None) -> list[BaseTool]:
        """Return tools that any graph may hold: each decides, asks, leases and records by itself.

        Args:
            tools: Scoped tools.
            agent: The agent that holds them; left out, it is the one the current hand-off names.

        Raises:
            ScopeError: If a tool is not scoped, or needs a vault this guard does not have.
        """
        return [BoundTool.of(tool, self, agent) for tool in tools]

    def governs(self, tool: object) -> bool:
        """Tell whether a tool is bound to this very guard."""
        return isinstance(tool, BoundTool) and tool.guard is self

    def _start(self, execution: "Execution") -> ToolResult | None:
        return self._permit(execution) or self._lease(execution)

    def _permit(self, execution: "Execution") -> ToolResult | None:
        """Decide, consume the approval, write the intent: in one transaction, or not at all."""
        call, version = execution.call, self.policy.version
        changes = call.tool.effect != "read"
        with self.ledger.transaction() as connection:
            if changes and (standing := self.calls.standing(connection, call, version)):
                return ToolResult.standing(call.tool.name, standing)
            decision = self._decide_again(connection, execution)
            call = execution.call
            entries = [journal.decision(call, decision)]
            if decision.verdict == "allow":
                if changes:
                    self.calls.begin(connection, call, version)
                entries.append(journal.started(call, version, execution.tool.scope))
            self.ledger.append(connection, call.thread, *entries)
        allowed = decision.verdict == "allow"
        return None if allowed else ToolResult.refused(call.tool.name, decision.reason)

    def _decide_again(self, connection: Connection, execution: "Execution") -> Decision:
        call = execution.call
        decision = self.policy.decide(call)
        if decision.verdict != "review":
            return decision
        approval = self.approvals.approved(connection, call, decision.policy_version)
        if approval is None:
            return decision
        # Whoever resumes the thread is not the one who asked.
        execution.call = replace(call, requester=approval.request.requester)
        decision = self.policy.decide(execution.call, approval.roles)
        if decision.verdict == "allow" and not self.approvals.consume(
            connection, approval.request.id, approval.request.digest
        ):
            return deny("Its approval has been used.", decision.policy_version)
        return decision

    def _lease(self, execution: "Execution") -> ToolResult | None:
        call, tool = execution.call, execution.tool
        if tool.scope is None:
            return None
        if self.vault is None:
            # A specialist refuses such a tool when it is built; whoever runs it here did not ask.
            raise ScopeError(f"{tool.name!r} needs a credential: give the guard a vault")
        try:
            execution.lease = self.vault.lease(
                tool.scope, agent=call.agent, tool=tool.name, meta=journal.lease_meta(call)
            )
        except (VaultError, ScopeError) as error:
            logger.error("%s of %s got no credential: %s", tool.name, call.agent, error)  # noqa: TRY400 - a traceback would show Vault's answer
            result = ToolResult.refused(tool.name, "No credential could be had for it.")
            self._record(call, result, journal.lease_failed(call, str(error)))
            return result
        self._append(call, journal.leased(call, execution.lease))
        return None

    def _finish(self, execution: "Execution", attempt: Attempt) -> ToolResult:
        credential = execution.credential
        redactor = Redactor(credential.values() if credential else ())
        result = attempt.redacted(execution.tool.name, redactor)
        self._revoke(execution)
        self._record(execution.call, result)
        return result

    def _revoke(self, execution: "Execution") -> None:
        if (lease := execution.lease) is None or self.vault is None:
            return
        execution.lease = None
        try:
            self.vault.revoke(lease)
        except VaultError as error:
            logger.error("lease %s ends by its ttl: %s", lease.accessor, error)  # noqa: TRY400 - as above
            self._append(execution.call, journal.revoked(execution.call, lease, error))
        else:
            self._append(execution.call, journal.revoked(execution.call, lease))

    def _record(self, call: ToolCall, result: ToolResult, *entries: Entry) -> None:
        version = self.policy.version
        with self.ledger.transaction() as connection:
            if call.tool.effect != "read":
                state: Outcome = "succeeded" if result.outcome == "succeeded" else "failed"
                self.calls.end(connection, call.key(version), state, result.dumps())
            ended = journal.ended(call, version, result)
            self.ledger.append(connection, call.thread, *entries, ended)

    def _append(self, call: ToolCall, entry: Entry) -> None:
        with self.ledger.transaction() as connection:
            self.ledger.append(connection, call.thread, entry)


@dataclass(slots=True)
class Execution:
    """Hold one call under way, and its lease while there is one."""

    call: ToolCall
    tool: ScopedTool
    lease: Lease | None = None

    @property
    def credential(self) -> Credential | None:
        """The leased credential, if the tool declared one."""
        return self.lease.credential if self.lease else None


async def _to_its_end(work: Callable[[], T]) -> T:
    """Run blocking work in a thread, and wait for it even when cancelled: threads do not stop."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
