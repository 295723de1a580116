"""Owns what a thread has done, and the call that undoes one of those."""

from dataclasses import dataclass

from bailiwick.policies.canonical import Json, plain_record
from bailiwick.policies.errors import CallError
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects import call_rows, proposal_rows
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.records.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Hold what is to be called because of another call.

    Attributes:
        because: The other call.
        tool: The tool to call.
        args: Its arguments, as plain values.
    """

    because: CallRecord
    tool: ScopedTool
    args: dict[str, Json]


def done(ledger: Ledger, thread: str) -> list[CallRecord]:
    """Return the calls that succeeded in a thread or were tried again for it, newest first.

    Raises:
        LedgerError: If the database fails.
    """
    threads = [thread]
    with ledger.reading() as connection:
        for each in threads:
            again = proposal_rows.of_origin(connection, each)
            threads += [retry.thread for retry in again if retry.kind == "retry"]
        calls = [
            call for each in threads for call in call_rows.read(connection, call_rows.is_of(each))
        ]
    return sorted(
        (call for call in calls if call.state == "succeeded"),
        key=lambda call: (call.ended_at or 0, call.started_at),
        reverse=True,
    )


def undoing(call: CallRecord, tool: ScopedTool) -> Wanted | None:
    """Return what undoes a call; `None` where its tool declares nothing that does.

    Raises:
        CallError: If the arguments of the undoing call cannot be built.
    """
    if tool.compensation is None:
        return None
    undone_by = tool.compensation.tool
    try:
        built = tool.compensation.args(tool.validate_args(call.args), call.content)
        args = plain_record(undone_by.validate_args(built))
    except Exception as error:  # noqa: BLE001 - whatever its author's function raises
        raise CallError(
            f"{call.tool!r} cannot be undone by {undone_by.name!r}: its author's function built "
            f"no arguments that fit ({type(error).__name__})"
        ) from None
    return Wanted(because=call, tool=undone_by, args=args)
