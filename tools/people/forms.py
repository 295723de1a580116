"""Owns the forms of one question: a tool call asked about under other rules, or of another tool."""

from sqlalchemy import Connection

from bailiwick.policies.answers import Reject, Respond
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval
from bailiwick.policies.calls import ToolCall
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.people import approval_rows as rows
from bailiwick.tools.people.withdrawals import withdraw
from bailiwick.tools.records.ledger import Ledger

CHANGED = "the rules or the tool have changed while it waited for an approval"


def is_of(record: ApprovalRequest | CallRecord, call: ToolCall) -> bool:
    """Tell whether something on record is of the model's tool call that a call stems from."""
    tool = record.tool if isinstance(record.tool, str) else record.tool.name
    # Models give one id to two calls: an edit changes the arguments, never the tool.
    stood = (record.namespace, record.tool_call_id, tool)
    return stood == (call.namespace, call.id, call.tool.name)


def supersede(
    ledger: Ledger, connection: Connection, call: ToolCall, policy_version: str
) -> Approval | None:
    """Withdraw a question's other forms; return the one, if any, to which somebody said no.

    People are asked about a call in one form at a time, or one could allow in the new form what
    another forbids in the old one. A no to any form is one to the call: it is not asked anew.

    Args:
        ledger: The ledger whose database holds them.
        connection: The transaction, which holds the thread's lock.
        call: The call as it is asked about now, if it is.
        policy_version: The version of the policy that decides now.

    Raises:
        LedgerError: If the database fails.
    """
    refused, form = None, (policy_version, call.tool.version)
    for each in rows.read_unused(connection, call.thread):
        request = each.request
        if not is_of(request, call) or (request.policy_version, request.tool.version) == form:
            continue
        if each.state in {"pending", "approved"}:
            withdraw(ledger, connection, each, CHANGED)
        elif isinstance(each.answer, Reject | Respond):
            refused = each
    return refused
