"""Owns what a thread has done, the call that undoes one of those, and what has none."""

from dataclasses import dataclass

from bailiwick.policies.canonical import Json, plain_record
from bailiwick.policies.errors import CallError
from bailiwick.policies.written import shortened
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects import call_rows, proposal_rows
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.proposal_rows import Proposal
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Name a call that succeeded and for whose undoing no call could be proposed.

    Attributes:
        call: The call.
        why: Why, and what to do.
    """

    call: CallRecord
    why: str

    @property
    def sentence(self) -> str:
        """The same for people."""
        return f"call {shortened(self.call.key)!r} of {self.call.tool!r} is not undone: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """Tell what is proposed to undo a thread, and what is not.

    Attributes:
        made: What was proposed now, in its order: newest calls first, also those from before one
            that is left.
        left: The calls that cannot be undone from here, newest first: people have to.
    """

    made: list[Proposal]
    left: list[Left]


def done(ledger: Ledger, thread: str) -> list[CallRecord]:
    """Return what is to be undone of a thread, and of what was tried again for it, newest first.

    Those are the calls that succeeded and whose undoing is neither done nor proposed.

    Raises:
        LedgerError: If the database fails.
    """
    threads, proposed = [thread], set[str]()
    with ledger.reading() as connection:
        for each in threads:
            stand = proposal_rows.of_origin(connection, each)
            threads += [again.thread for again in stand if again.kind == "retry"]
            proposed |= {again.call for again in stand}
        calls = [
            call for each in threads for call in call_rows.read(connection, call_rows.is_of(each))
        ]
    return sorted(
        (call for call in calls if call.state == "succeeded" and call.key not in proposed),
        key=lambda call: (call.ended_at or 0, call.started_at),
        reverse=True,
    )


def inverse(call: CallRecord, tool: ScopedTool) -> Wanted | None:
    """Return what undoes a call; `None` where its tool declares nothing that does.

    Raises:
        CallError: If the arguments of the undoing call cannot be built.
    """
    if tool.compensation is None:
        return None
    undone_by = tool.compensation.tool
    try:
        args = tool.validate_args(call.args)
    except (ValueError, TypeError) as error:
        kind = type(error).__name__
        raise CallError(
            f"the arguments that are stored of it fit {call.tool!r} no more ({kind}): undo it by "
            "hand"
        ) from None
    try:
        built = plain_record(undone_by.validate_args(tool.compensation.args(args, call.content)))
    except Exception as error:  # noqa: BLE001 - whatever its author's function raises
        raise CallError(
            f"the function that {call.tool!r} declares built no arguments that fit "
            f"{undone_by.name!r}{_in_place_of_its_result(call)} ({type(error).__name__}): undo "
            "it by hand"
        ) from None
    return Wanted(because=call, tool=undone_by, args=built)


def _in_place_of_its_result(call: CallRecord) -> str:
    if call.settled_by is not None:
        return f", with what {call.settled_by!r} found out in the place of its result"
    if call.reason == "reconcile":
        return ", with what the system said later in the place of its result"
    return ""
