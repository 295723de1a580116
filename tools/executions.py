"""Owns one call under way: permit, lease, run, redact, record, give back, in this order."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.policies.errors import LedgerError, ScopeError, VaultError
from bailiwick.policies.redaction import Redactor
from bailiwick.policies.verdicts import deny
from bailiwick.tools import journal
from bailiwick.tools.attempts import Attempt
from bailiwick.tools.beginnings import Beginning
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.delegation import delegate
from bailiwick.tools.effects import branches, call_rows, proposal_rows
from bailiwick.tools.effects.branches import Branch
from bailiwick.tools.effects.call_rows import Intent
from bailiwick.tools.effects.calls import LASTS, SLACK
from bailiwick.tools.effects.proposal_rows import Proposal
from bailiwick.tools.effects.reconciliations import reconcile
from bailiwick.tools.hushed import hushed, stopped
from bailiwick.tools.leases import lease_records
from bailiwick.tools.records.ledger import Entry
from bailiwick.tools.results import ToolResult
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.secrets.leases import Lease

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard

logger = logging.getLogger(__name__)

STOPS = (asyncio.CancelledError, KeyboardInterrupt, SystemExit)
"""What ends a call from outside, whatever its tool does."""

_USED = "Its approval has been used."
_UNBEGUN = "It was cancelled before it began, so nothing happened."


class Execution:
    """Carry one call through its steps, each recorded before it takes effect.

    Args:
        guard: The guard that runs it.
        call: The call as it will be executed.
        tool: The tool.
        branch: The way of the thread that led to the call.
    """

    def __init__(self, guard: "Guard", call: ToolCall, tool: ScopedTool, branch: Branch) -> None:
        self._guard = guard
        self._call = call
        self._tool = tool
        self._branch = branch
        # The host may put other rules in its place while a tool runs.
        self._policy = guard.policy
        self._lease: Lease | None = None
        self._proposal: Proposal | None = None
        self._key = ""
        self._is_permitted = False
        self._beginning = Beginning()
        self._giving_back = threading.Lock()
        self._approvers: tuple[str, ...] = ()
        self._redactor = Redactor(())

    def start(self) -> ToolResult | None:
        """Decide, write the intent and lease; return what stands in the place of a run, if any.

        Raises:
            LedgerError: If the ledger cannot be written.
            CancelledError: If the call was cancelled before it had a thread.
        """
        self._beginning.check()
        match self._permit():
            case Intent() as standing:
                return self._met_again(standing)
            case ToolResult() as refused:
                return refused
            case None:
                return self._lease_credential()

    def run(self) -> Attempt:
        """Run the tool with its credential."""
        try:
            with self._surroundings, self._on_its_behalf, self._beginning.awaited():
                return Attempt.of(
                    lambda: self._tool.call(*self._given),
                    may_interrupt=self._may_interrupt,
                )
        except BaseException as error:  # noqa: BLE001 - raised again below
            stop = stopped(error, self._redactor)
        raise stop

    async def arun(self) -> Attempt:
        """Do what `run` does, on an event loop."""
        try:
            with self._surroundings, self._on_its_behalf, self._beginning.awaited():
                return await Attempt.aof(
                    lambda: self._tool.acall(*self._given),
                    may_interrupt=self._may_interrupt,
                )
        except BaseException as error:  # noqa: BLE001 - raised again below
            stop = stopped(error, self._redactor)
        raise stop

    def finish(self, attempt: Attempt) -> ToolResult:
        """Redact and record what the tool returned or raised; its credential is over.

        Raises:
            LedgerError: If the ledger cannot be written; the outcome is in doubt then.
        """
        result = attempt.redacted(self._tool.name, self._redactor, changes=self._changes)
        if self._lease is not None:
            self._lease.credential.end()
        self._record(result)
        return result

    def abandon(self) -> None:
        """Record that the call was stopped before its tool began, if it was: it is not in doubt."""
        if not self._is_permitted or not self.prevent():
            return
        try:
            self._record(ToolResult.refused(self._tool.name, _UNBEGUN))
        except LedgerError as error:
            # The call ends all the same, and is in doubt then.
            logger.warning("%s did not begin, which nobody wrote down: %s", self._tool.name, error)

    def prevent(self) -> bool:
        """Keep the tool from beginning; false if it has begun."""
        return self._beginning.prevent()

    def revoke(self) -> None:
        """Give the credential back, if one is held: it is over now, and Vault hears of it soon."""
        # Whoever cancels a call gives it back while its tool still runs in a thread.
        with self._giving_back:
            lease, self._lease = self._lease, None
        if lease is not None and self._guard.leases is not None:
            self._guard.leases.give_back(lease)

    @property
    def holds_lease(self) -> bool:
        """Whether a credential is still to be given back."""
        return self._lease is not None

    @property
    def _may_interrupt(self) -> bool:
        # Who asks is run again: what changes something must not be, a credential does not last so
        # long, and LangGraph would take the answer to the approval for the answer to the tool.
        return not (self._changes or self.holds_lease or self._approvers)

    @property
    def _surroundings(self) -> AbstractContextManager[None]:
        return hushed(self._redactor) if self.holds_lease else nullcontext()

    @property
    def _on_its_behalf(self) -> AbstractContextManager[object]:
        # A tool may run agents: they act for its agent, and for whoever asked that one.
        call = self._call
        return delegate(
            supervisor=call.agent,
            agent=call.agent,
            requester=call.requester,
            request=self._branch.request,
        )

    @property
    def _given(self) -> tuple[Mapping[str, object], Credential | None, str, str]:
        return self._call.args, self._credential, self._key, self._call.id

    @property
    def _credential(self) -> Credential | None:
        return self._lease.credential if self._lease else None

    def _permit(self) -> Intent | ToolResult | None:
        # One transaction: either all of it stands before the tool runs, or the tool does not run.
        guard, version = self._guard, self._policy.version
        with guard.ledger.transaction(flushes=self._changes) as connection:
            # Of two workers with the same call, the second finds what the first has written.
            guard.ledger.lock(connection, self._call.thread)
            if self._changes and (standing := self._standing(connection)):
                return standing
            decision = self._claim_branch(connection, self._decide(connection))
            entries = [journal.decision(self._call, decision)]
            if decision.verdict == "allow":
                if begun := self._begin(connection, version):
                    return begun
                entries.append(journal.started(self._call, version, self._tool.scope))
            guard.ledger.append(connection, self._call.thread, *entries)
        self._is_permitted = decision.verdict == "allow"
        return None if self._is_permitted else ToolResult.refused(self._tool.name, decision.reason)

    def _standing(self, connection: Connection) -> Intent | None:
        self._proposal = proposal_rows.of_call(connection, self._call)
        standing = self._guard.calls.standing(connection, self._call)
        if standing is None and self._proposal is not None:
            # Two runs that begin one thread of proposals at once know its calls by two places.
            return call_rows.standing_anywhere(connection, self._call)
        return standing

    def _met_again(self, standing: Intent) -> ToolResult:
        if standing.state != "in_doubt" or self._tool.reconciler is None:
            return ToolResult.standing(self._tool.name, standing)
        record = self._guard.calls.find(standing.key)
        return ToolResult.standing(self._tool.name, reconcile(self._guard, record, self._tool))

    def _begin(self, connection: Connection, version: str) -> Intent | None:
        if not self._changes:
            self._key = self._call.occurrence if self._tool.takes_key else ""
            return None
        scope, proposal = self._tool.scope, self._proposal
        begun = self._guard.calls.begin(
            connection,
            self._call,
            version,
            lasts=LASTS if scope is None else scope.ttl + SLACK,
            idempotency_key=proposal.idempotency_key if proposal else "",
        )
        self._key = begun.idempotency_key
        return None if begun.state == "new" else begun

    def _decide(self, connection: Connection) -> Decision:
        guard = self._guard
        decision = self._policy.decide(self._call)
        if self._proposal and (reason := self._proposal.refusal(decision)):
            return deny(reason, decision.policy_version)
        if decision.verdict != "review":
            return decision
        approval = guard.approvals.approved(connection, self._call, decision.policy_version)
        if approval is None:
            return decision
        if approval.state == "consumed":
            return deny(_USED, decision.policy_version)
        # Whoever resumes the thread is not the one who asked.
        self._call = replace(self._call, requester=approval.request.requester)
        self._approvers = tuple(grant.principal for grant in approval.grants)
        decision, request = self._policy.decide(self._call, approval.roles), approval.request
        if decision.verdict == "allow" and not guard.approvals.consume(connection, request):
            return deny(_USED, decision.policy_version)
        return decision

    def _claim_branch(self, connection: Connection, decision: Decision) -> Decision:
        # What somebody approved is theirs to answer for, on each branch.
        if decision.verdict != "allow" or self._approvers:
            return decision
        if branches.claim(connection, self._call.thread, self._branch):
            return decision
        return deny(branches.BRANCHED, decision.policy_version)

    def _lease_credential(self) -> ToolResult | None:
        scope, leases = self._tool.scope, self._guard.leases
        if scope is None:
            return None
        if leases is None:
            return self._without_credential("the guard has no vault: give it one")
        version = self._policy.version
        try:
            self._lease = leases.take(
                self._call, scope, approvers=self._approvers, policy_version=version
            )
        except (VaultError, ScopeError) as error:
            return self._without_credential(str(error))
        # Made before the tool runs, which could end the credential itself.
        self._redactor = Redactor(self._lease.credential.values())
        return None

    def _without_credential(self, reason: str) -> ToolResult:
        # The operator reads the reason; to the model it would say what stands where.
        logger.error("%s of %s got no credential: %s", self._tool.name, self._call.agent, reason)
        result = ToolResult.refused(self._tool.name, "No credential could be had for it.")
        self._record(result, lease_records.failed(self._call, reason))
        self._is_permitted = False
        return result

    @property
    def _changes(self) -> bool:
        return self._tool.effect != "read"

    def _record(self, result: ToolResult, *entries: Entry) -> None:
        guard, call, version = self._guard, self._call, self._policy.version
        with guard.ledger.transaction(flushes=self._changes) as connection:
            is_late = self._changes and not guard.calls.end(
                connection, call.digest(version), result.state, result.dumps()
            )
            ended = journal.ended(call, version, result, is_late=is_late)
            guard.ledger.append(connection, call.thread, *entries, ended)
            if self._proposal is not None:
                proposal_rows.close(connection, guard.ledger, self._proposal, result.state)
