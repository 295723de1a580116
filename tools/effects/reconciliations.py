"""Owns the question to a system what came of a call in doubt, before a person is asked."""

import logging
from typing import TYPE_CHECKING

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.redaction import Redactor
from bailiwick.tools import journal
from bailiwick.tools.attempts import Attempt
from bailiwick.tools.declared.findings import Finding
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects import call_rows, proposal_rows
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.hushed import hushed, stopped
from bailiwick.tools.results import ToolResult
from bailiwick.tools.secrets.credentials import Credential

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard

_UNKNOWN = Finding(state="unknown")
logger = logging.getLogger(__name__)


def reconcile(guard: "Guard", record: CallRecord, tool: ScopedTool) -> CallRecord:
    """Ask a tool's `reconcile` what came of a call in doubt; return where the call stands then.

    It looks with a lease of its own. Whatever goes wrong leaves the call in doubt, and so does a
    policy that would deny the call today: then nothing is leased. That nothing happened is believed
    only once the call can be under way no longer, for until then its effect may still come.

    Args:
        guard: The guard of the call.
        record: The call.
        tool: Its tool, which is believed to know of it, also where it was changed since.

    Raises:
        LedgerError: If the ledger's database fails.
    """
    if record.state != "in_doubt" or tool.reconciler is None or tool.name != record.tool:
        return record
    return _Reconciliation(guard, record, tool).run()


class _Reconciliation:
    """Carry one question through its steps: lease, ask, revoke, redact, record."""

    def __init__(self, guard: "Guard", record: CallRecord, tool: ScopedTool) -> None:
        self._guard = guard
        self._record = record
        self._tool = tool
        self._redactor = Redactor(())
        self._detail = ""

    def run(self) -> CallRecord:
        """Ask, and write down what is known then."""
        try:
            call = self._call()
        except ValueError:
            # Another version of the tool takes other arguments.
            return self._write(self._unknown("its arguments fit the tool no more"))
        if self._guard.decide(call).verdict == "deny":
            return self._write(self._unknown("the policy denies the call"))
        return self._write(self._leased(call))

    def _call(self) -> ToolCall:
        record = self._record
        return ToolCall(
            id=record.tool_call_id,
            thread=record.thread,
            namespace=record.namespace,
            requester=record.requester,
            chain=record.chain,
            agent=record.agent,
            tool=self._tool.use,
            args=self._tool.validate_args(record.args),
        )

    def _leased(self, call: ToolCall) -> Finding:
        guard, tool = self._guard, self._tool
        if tool.scope is None:
            return self._ask(call, None)
        if guard.leases is None:
            return self._unknown("the guard has no vault: give it one")
        try:
            lease = guard.leases.take_alone(call, tool.scope)
        except (VaultError, ScopeError) as error:
            logger.error("the reconcile of %s got no credential: %s", tool.name, error)  # noqa: TRY400 - the sentence says all
            return self._unknown("no credential could be had")
        self._redactor = Redactor(lease.credential.values())
        try:
            return self._ask(call, lease.credential)
        finally:
            guard.leases.give_back(lease)

    def _ask(self, call: ToolCall, credential: Credential | None) -> Finding:
        try:
            with hushed(self._redactor):
                return self._tool.reconcile(call.args, credential, self._record.idempotency_key)
        except Exception as error:  # noqa: BLE001 - whatever it raises, nobody knows more than before
            kind = type(error).__name__
            logger.warning("the reconcile of %s failed (%s)", self._tool.name, kind)
            return self._unknown(f"it failed ({kind})")
        except BaseException as error:  # noqa: BLE001 - raised again below
            stop = stopped(error, self._redactor)
        raise stop

    def _unknown(self, detail: str) -> Finding:
        self._detail = detail
        return _UNKNOWN

    def _write(self, finding: Finding) -> CallRecord:
        guard, record = self._guard, self._record
        with guard.ledger.transaction() as connection:
            guard.ledger.lock(connection, record.thread)
            state = finding.state
            if state != "unknown" and not call_rows.settle(
                connection,
                record.key,
                state,
                result=self._result(finding).dumps(),
                by=None,
                reason="reconcile",
                only_when_over=state == "failed",
            ):
                state, self._detail = "unknown", "it may still take effect, or was settled by now"
            entry = journal.reconciled(record, state, self._detail)
            guard.ledger.append(connection, record.thread, entry)
            if state != "unknown":
                proposal_rows.end(connection, guard.ledger, record, state)
        return guard.calls.find(record.key)

    def _result(self, finding: Finding) -> ToolResult:
        name = self._tool.name
        seen = Attempt(finding.result).redacted(name, self._redactor, changes=False)
        match finding.state, finding.result:
            case "succeeded", None:
                content = f"{name} took effect, as the system it acts on says."
                return ToolResult(content=content, outcome="succeeded")
            case "succeeded", _:
                return ToolResult(content=seen.content, outcome="succeeded")
            case _, None:
                content = f"{name} had no effect, as the system it acts on says."
                return ToolResult(content=content, outcome="failed")
            case _:
                content = f"{name} had no effect, as the system it acts on says: {seen.content}"
                return ToolResult(content=content, outcome="failed")
