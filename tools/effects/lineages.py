"""Owns how calls hang together: what one was made for, and what was proposed because of it."""

from dataclasses import dataclass

from bailiwick.tools.effects import proposal_rows
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.proposal_rows import Proposal
from bailiwick.tools.records.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Tell which proposals a call has to do with.

    Attributes:
        fulfils: The proposal that it was made for, to try another call again or to undo it.
        proposed: What was proposed because of it, oldest first, also what came to nothing.
    """

    fulfils: Proposal | None
    proposed: tuple[Proposal, ...]


def lineage(ledger: Ledger, call: CallRecord) -> Lineage:
    """Return which proposals a call has to do with.

    Raises:
        LedgerError: If the database fails.
    """
    with ledger.reading() as connection:
        return Lineage(
            fulfils=proposal_rows.fulfilled(connection, call),
            proposed=tuple(proposal_rows.because_of(connection, call)),
        )
