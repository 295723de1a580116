"""Owns a bank that pays and takes back: what proposals are tried with."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tests.tools.governed import call_of

from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.guard import Guard

UNDOING = """
@id("billing-cancels") permit (
    principal == Agent::"billing", action == Action::"call", resource == Tool::"cancel_return"
);
"""
Inverse = Callable[[Mapping[str, Any], str], Mapping[str, Any]]


def inverse(args: Mapping[str, Any], _result: str) -> dict[str, Any]:
    """Cancel what was paid to somebody."""
    return {"order_id": args["to"]}


class Bank:
    """Hold what was done, and the tools that do it."""

    def __init__(self, undo: Inverse = inverse) -> None:
        self.done: list[str] = []
        self.is_down = False

        @scoped_tool(effect="write")
        def cancel_return(order_id: str) -> str:
            """Cancel what was paid to somebody."""
            return self._do(f"cancelled {order_id}")

        @scoped_tool(effect="write", compensate=(cancel_return, undo))
        def pay(to: str, amount: Decimal) -> str:
            """Pay somebody."""
            return self._do(f"paid {amount} to {to}")

        self.pay: ScopedTool = pay

    def _do(self, what: str) -> str:
        if self.is_down:
            raise OSError("the line is dead")
        self.done.append(what)
        return what


def paid(guard: Guard, bank: Bank, *people: str) -> None:
    """Have these people paid in thread `t`, one after the other."""
    for n, to in enumerate(people):
        call = call_of(bank.pay, {"to": to, "amount": 1}, id=f"call-{n}")
        assert guard.run(call, bank.pay).outcome == "succeeded"
