"""Owns the refund that guards are tried with, and what can be seen of it afterwards."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from typing import Any, NoReturn

from tests.tools.governed import call_of

from bailiwick.policies import ToolCall
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.secrets.credentials import Credential

SECRET = "refund-secret-7f3a"
REFUNDS = """
@id("billing-refunds") permit (
    principal == Agent::"billing", action == Action::"call", resource == Tool::"issue_refund"
);
"""
ALL = ["decision", "call.started", "lease.granted", "call.ended", "lease.revoked"]
UNDECIDED = "its outcome is not known, so it is not run again"

Run = Callable[[Guard, ToolCall, ScopedTool], ToolResult]


def refund_tool(use: Callable[[Credential], object]) -> ScopedTool:
    """Return a tool that destroys and leases: what it does with its secret is given."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> Any:  # noqa: ANN401 - as given
        """Refund."""
        assert (order_id, amount) == ("A-1", Decimal(40))
        return use(credential)

    return issue_refund


def refund(tool: ScopedTool, **changes: Any) -> ToolCall:  # noqa: ANN401 - any field of a call
    """Return a call of the refund tool."""
    return call_of(tool, {"order_id": "A-1", "amount": 40}, **changes)


def kinds(ledger: Ledger) -> list[str]:
    """Return what the ledger has recorded, in order."""
    return [record.kind for record in ledger.records("t")]


def live(guard: Guard, devvault: DevelopmentVault) -> list[str]:
    """Return the tools whose leases are alive, once those that were given back have ended."""
    assert guard.revocations is not None
    guard.revocations.drain()
    return [token.role for token in devvault.live_tokens() if token.role]


def break_records(ledger_url: str, kind: str) -> None:
    """Have the database refuse records of one kind from now on."""
    with closing(sqlite3.connect(ledger_url.removeprefix("sqlite:///"))) as connection:
        connection.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON records WHEN NEW.kind = '{kind}' "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )


def raises(error: BaseException) -> Callable[[Credential], NoReturn]:
    """Return what a tool does that raises."""

    def fail(_: Credential) -> NoReturn:
        raise error

    return fail
