"""Owns edits that change nothing: they count as their editor's approval of the call as it is."""

from dataclasses import replace

from sqlalchemy import delete

from bailiwick.policies.answers import Approve
from bailiwick.policies.approvals import Approval
from bailiwick.policies.entitlement import authorise
from bailiwick.policies.principals import Principal
from bailiwick.tools.people import approval_records
from bailiwick.tools.people import approval_rows as rows
from bailiwick.tools.records import tables
from bailiwick.tools.records.database import now
from bailiwick.tools.records.ledger import Ledger


def confirm(ledger: Ledger, edited: Approval) -> Approval:
    """Take an edit for an approval; return where the request stands.

    Who answers in the database need not have the tool at hand, which alone tells that the arguments
    are the same in another spelling.

    Args:
        ledger: The ledger whose database holds the request.
        edited: The request, which the edit has ended. It stays so if it has expired meanwhile.

    Raises:
        LedgerError: If the database fails.
    """
    request = edited.request
    editor = Principal(id=edited.decided_by or "", roles=edited.decided_roles)
    answer = Approve(action_digest=request.digest)
    reopened = replace(
        edited,
        state="pending",
        answer=None,
        decided_by=None,
        decided_roles=frozenset(),
        decided_at=None,
    )
    with ledger.transaction() as connection:
        ledger.lock(connection, request.thread)
        counted = authorise(request, answer, editor, edited.grants)
        roles = {rule.role for rule in counted}
        at = now(connection)
        after = reopened.after(answer, by=editor, roles=roles, at=at, in_thread=False)
        if not rows.decide(connection, edited, after):
            return rows.find(connection, request.id) or edited
        entry = approval_records.answered(after, answer, by=editor, roles=roles)
        ledger.append(connection, request.thread, entry)
        if after.state == "pending":
            # It will end once more, and that is news then.
            news = tables.deliveries
            connection.execute(delete(news).where(news.c.approval == request.id))
        return after
