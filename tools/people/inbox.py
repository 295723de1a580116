"""Owns the reading of approval requests: what waits for a person, and where each one stands."""

from sqlalchemy import Connection

from bailiwick.policies.approval_requests import approval_id
from bailiwick.policies.approvals import Approval, State
from bailiwick.policies.calls import ToolCall
from bailiwick.policies.errors import ApprovalError
from bailiwick.tools.people import approval_rows as rows
from bailiwick.tools.records import tables
from bailiwick.tools.records.ids import LISTED, only
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import count


class Inbox:
    """Read the approval requests in the ledger's database.

    Whether something has expired is told by the database's clock alone.

    Args:
        ledger: The ledger whose database holds them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def get(self, request_id: str) -> Approval:
        """Return a request and where it stands.

        Raises:
            ApprovalError: If there is no such request.
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return self._standing(connection, request_id)

    def pending(self, thread: str | None = None) -> tuple[Approval, ...]:
        """Return the requests that wait for an answer, oldest first; of one thread or of all.

        Raises:
            LedgerError: If the database fails.
        """
        return self.list(state="pending", thread=thread)

    def find(self, beginning: str) -> Approval:
        """Return the one request whose id begins like this, and where it stands.

        Args:
            beginning: As many of the id's digits as tell it apart, or all of them.

        Raises:
            ApprovalError: If there is none, or more than one.
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            found = rows.read(connection, rows.begins_with(beginning), limit=2) if beginning else []
        by_id = {each.request.id: each for each in found}
        return only(by_id, beginning, "request", ApprovalError)

    def list(
        self,
        *,
        state: State | None = None,
        thread: str | None = None,
        limit: int | None = None,
        skip: int = 0,
    ) -> tuple[Approval, ...]:
        """Return requests, oldest first.

        Args:
            state: Only those that stand there now.
            thread: Only those of this thread.
            limit: At most so many.
            skip: How many of the oldest are left out.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return tuple(rows.read(connection, *_wanted(state, thread), limit=limit, skip=skip))

    def count(self, *, state: State | None = None, thread: str | None = None) -> int:
        """Count what `list` returns where it has no limit.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return count(connection, tables.approvals, *_wanted(state, thread))

    def asked(self, connection: Connection, call: ToolCall, policy_version: str) -> Approval | None:
        """Return where the request for exactly this call stands, if there is one.

        Raises:
            LedgerError: If the database fails.
        """
        return rows.find(connection, approval_id(call, policy_version))

    def approved(
        self, connection: Connection, call: ToolCall, policy_version: str
    ) -> Approval | None:
        """Return the approval that exactly this call may use now or has used, if there is one.

        Raises:
            LedgerError: If the database fails.
        """
        approval = self.asked(connection, call, policy_version)
        if approval is None or approval.state not in {"approved", "consumed"}:
            return None
        return approval if approval.request.digest == call.digest(policy_version) else None

    def _standing(self, connection: Connection, request_id: str) -> Approval:
        if (approval := rows.find(connection, request_id)) is None:
            raise ApprovalError(
                f"there is no request {request_id!r}: {LISTED['request']} lists those there are"
            )
        return approval


def _wanted(state: State | None, thread: str | None) -> tuple[rows.Condition, ...]:
    in_state = () if state is None else (rows.is_now(state),)
    return in_state if thread is None else (*in_state, rows.is_of(thread))
