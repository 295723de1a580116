"""Owns the end of requests without an answer: withdrawn, or expired."""

from sqlalchemy import Connection

from bailiwick.policies.approvals import Approval, State
from bailiwick.tools.people import approval_records, deliveries
from bailiwick.tools.people import approval_rows as rows
from bailiwick.tools.records.database import now
from bailiwick.tools.records.ledger import Ledger

WENT_ON = "the conversation went on without it"

_OPEN: tuple[State, ...] = ("pending", "approved")


def withdraw(ledger: Ledger, connection: Connection, approval: Approval, reason: str) -> bool:
    """Cancel a request that waits, or whose approval was not used; tell whether it was such.

    Args:
        ledger: The ledger whose database holds it.
        connection: The transaction, which holds the thread's lock.
        approval: The request.
        reason: Why, for the ledger.

    Raises:
        LedgerError: If the database fails.
    """
    asked = approval.request
    if not any(
        rows.move(connection, asked.id, asked.digest, old=state, new="cancelled") for state in _OPEN
    ):
        return False
    ledger.append(connection, asked.thread, approval_records.cancelled(asked, reason))
    deliveries.add(connection, asked, due_at=now(connection))
    return True


def withdraw_all(ledger: Ledger, connection: Connection, thread: str, reason: str) -> None:
    """Cancel everything of a thread that waits or was not used; see `withdraw`.

    Raises:
        LedgerError: If the database fails.
    """
    for approval in rows.read_open(connection, thread):
        withdraw(ledger, connection, approval, reason)


def expire(ledger: Ledger, connection: Connection, approval: Approval, *, due_at: float) -> bool:
    """Write down that a request has expired unanswered; tell whether it is news.

    Args:
        ledger: The ledger whose database holds it.
        connection: The transaction, which holds the thread's lock.
        approval: The request.
        due_at: From when on the outbox shall look after the thread, by the database's clock.

    Raises:
        LedgerError: If the database fails.
    """
    asked = approval.request
    if not rows.expire(connection, asked.id):
        return False
    ledger.append(connection, asked.thread, approval_records.expired(asked))
    deliveries.add(connection, asked, due_at=due_at)
    return True
