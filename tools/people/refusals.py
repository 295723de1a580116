"""Owns refused answers: who tried what on which request, and why not."""

from collections.abc import Mapping

from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.canonical import digest
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.policies.resumes import DECISIONS, as_answer
from bailiwick.tools.people import approval_records
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.statements import insert_once

MALFORMED = "it has not the form of an answer to this request"


def record_refusal(
    ledger: Ledger, request: ApprovalRequest, answer: object, *, by: Principal, error: Exception
) -> None:
    """Record that an answer was not taken, once.

    However often somebody tries the same, the ledger grows by one record: there are so many people,
    kinds of answers and reasons to each request, and no more.

    Args:
        ledger: The ledger that it is recorded in.
        request: The request it was meant for.
        answer: What was sent, in whatever form; nothing but its kind is kept.
        by: Who tried, as authenticated by the host.
        error: Why it was not taken; what an `ApprovalError` says is recorded.

    Raises:
        LedgerError: If the database fails.
    """
    # Other errors quote what was sent.
    reason = str(error) if isinstance(error, ApprovalError) else MALFORMED
    kind = kind_of(answer)
    key = digest([request.id, by.id, kind, reason])
    with ledger.transaction() as connection:
        ledger.lock(connection, request.thread)
        if insert_once(connection, tables.refusals, {"key": key}):
            entry = approval_records.refused(request, by=by, kind=kind, reason=reason)
            ledger.append(connection, request.thread, entry)


def kind_of(answer: object) -> str:
    """Return which kind of answer something is meant to be; empty where that cannot be told."""
    try:
        read = as_answer(answer)
    except ValueError:
        return ""
    kind = read.get("type") if isinstance(read, Mapping) else getattr(read, "type", "")
    return kind if kind in DECISIONS else ""
