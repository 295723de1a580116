"""A thread is undone as far as it can be, and what cannot be undone is told."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from tests.tools.governed import CLERK, MANAGER, call_of

from bailiwick.policies.calls import ToolCall
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.effects import proposal_rows
from bailiwick.tools.effects.proposals import Proposals
from bailiwick.tools.effects.undoings import Undoing
from bailiwick.tools.guard import Guard

RECEIPT = "receipt of "


@scoped_tool(effect="write")
def take_back(receipt: str) -> str:
    """Take back what was paid."""
    return f"taken back: {receipt}"


def by_receipt(_args: Mapping[str, Any], result: str) -> dict[str, Any]:
    """Read the receipt in what the payment returned."""
    return {"receipt": result[result.index(RECEIPT) :]}


@scoped_tool(effect="write", compensate=(take_back, by_receipt))
def pay(to: str, amount: Decimal) -> str:
    """Pay, and lose the answer where it is paid to somebody called `lost`."""
    if to == "lost":
        raise OSError("the line is dead")
    return f"{amount}: {RECEIPT}{to}"


def in_cents(pay: ScopedTool) -> ScopedTool:
    """Return a tool of the same version that reads its arguments otherwise."""

    @scoped_tool(effect="write", name="pay", compensate=(take_back, by_receipt))
    def read_otherwise(to: str, cents: int) -> str:
        """Pay."""
        return f"{to} {cents}"

    return read_otherwise.model_copy(update={"version": pay.version})


def undo(guard: Guard, tool: ScopedTool = pay) -> Undoing:
    """Have thread `t` undone by who holds a tool."""
    return Proposals(guard, {"billing": [tool]}).undo("t", requester=CLERK)


def paid(guard: Guard, *people: str) -> None:
    """Pay these people, one after the other; what is lost took effect, as a manager finds out."""
    for n, to in enumerate(people):
        guard.run(call_of(pay, {"to": to, "amount": 1}, id=f"call-{n}"), pay)
    for call in guard.calls.list(in_doubt=True):
        guard.calls.settle(call.key, "succeeded", by=MANAGER)


def test_a_thread_that_did_nothing(guard: Guard) -> None:
    """Nothing is proposed for it, and nothing is left."""
    assert undo(guard) == Undoing(made=[], left=[])


def test_one_that_cannot_be_undone_holds_up_no_other(guard: Guard) -> None:
    """The others are proposed, newest first; it is told which one is left, why, and what to do."""
    paid(guard, "a", "lost", "b")
    undoing = undo(guard)

    assert [each.args for each in undoing.made] == [
        {"receipt": "receipt of b"},
        {"receipt": "receipt of a"},
    ]
    (left,) = undoing.left
    assert left.call.args["to"] == "lost"
    assert f"call '{left.call.key[:12]}' of 'pay' is not undone" in left.sentence
    assert "with what 'manager' found out in the place of its result (ValueError)" in left.why
    assert left.why.endswith("undo it by hand")
    assert undo(guard) == Undoing(made=[], left=undoing.left)


def test_whoever_approves_reads_what_came_later_and_stays(guard: Guard) -> None:
    """To undo what was called before it may be wrong then."""
    paid(guard, "a", "lost", "b")
    undoing = undo(guard)
    with guard.ledger.reading() as connection:
        newest, oldest = (
            proposal_rows.reason(connection, undoing_call(each.thread, each.tool_call_id))
            for each in undoing.made
        )
    left = undoing.left[0].call.key[:12]
    assert f"Call {left} of pay came later there, and is not undone." in oldest
    assert "came later" not in newest


def undoing_call(thread: str, identity: str) -> ToolCall:
    """Return the call that is proposed in a thread under an id."""
    return call_of(take_back, {"receipt": "x"}, thread=thread, id=identity)


def fewer(_args: Mapping[str, Any], _result: str) -> dict[str, Any]:
    """Build no arguments."""
    return {}


def broken(_args: Mapping[str, Any], result: str) -> dict[str, Any]:
    """Look for what is not there."""
    known: dict[str, str] = {}
    return {"receipt": known[result]}


@pytest.mark.parametrize(
    ("tool", "why"),
    [
        (lambda: undone_with(fewer), "the function that 'pay' declares built no arguments"),
        (lambda: undone_with(broken), "built no arguments that fit 'take_back' (KeyError)"),
        (lambda: in_cents(pay), "the arguments that are stored of it fit 'pay' no more"),
    ],
    ids=["that do not fit", "that cannot be built", "that are stored"],
)
def test_what_is_wrong_with_the_arguments_is_told(
    guard: Guard, tool: Callable[[], ScopedTool], why: str
) -> None:
    """What its author's function builds is one thing, what the call was stored with another."""
    paid(guard, "a")
    undoing = undo(guard, tool())
    assert undoing.made == []
    assert [why in left.why for left in undoing.left] == [True]
    assert list(guard.ledger.records("t", "proposal.made")) == []


def undone_with(inverse: Callable[[Mapping[str, Any], str], dict[str, Any]]) -> ScopedTool:
    """Return the tool with another way to build what undoes it."""
    other = scoped_tool(pay.function, effect="write", compensate=(take_back, inverse))
    return other.model_copy(update={"version": pay.version})


def test_what_nobody_holds_is_left(guard: Guard) -> None:
    """And so is what was called with another tool of its name."""
    paid(guard, "a")
    another = pay.model_copy(update={"version": "another"})
    for held, why in (([], "holds no tool 'pay'"), ([another], "another one than was called")):
        undoing = Proposals(guard, {"billing": held}).undo("t", requester=CLERK)
        assert undoing.made == []
        assert [why in left.why for left in undoing.left] == [True]
