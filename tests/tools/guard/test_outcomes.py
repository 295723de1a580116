"""How a call ends, and what becomes of the one that was run before."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import pytest
from langchain_core.tools import InjectedToolCallId, ToolException
from langchain_core.tools import tool as langchain_tool
from tests.tools.governed import RULES, call_of, load_policy, pay_tool
from tests.tools.guard.refunds import (
    ALL,
    SECRET,
    UNDECIDED,
    Run,
    break_records,
    kinds,
    live,
    raises,
    refund,
    refund_tool,
)

from bailiwick.policies import LedgerError
from bailiwick.policies.redaction import MASK
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.secrets.credentials import Credential


def test_without_a_ledger_nothing_runs(guard: Guard, sqlite_url: str, run: Run) -> None:
    """What cannot be recorded does not happen."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    break_records(sqlite_url, "call.started")

    with pytest.raises(LedgerError):
        run(guard, call_of(tool, {"to": "shop", "amount": 1}), tool)
    assert ran == []
    assert guard.calls.list() == ()


def test_a_call_that_is_written_in_two_spellings_runs_once(guard: Guard, run: Run) -> None:
    """With one id, and the same arguments once they are read: it is one call."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    results = [
        run(guard, call_of(tool, {"to": "shop", "amount": 1}, written={"amount": amount}), tool)
        for amount in ("1", "1.00")
    ]
    assert len(ran) == 1
    assert results[0] == results[1]


def test_a_wrapped_tool_that_deduplicates_by_its_calls_id_does_two_calls(
    guard: Guard, run: Run
) -> None:
    """One id for all calls would lose all payments but the first."""
    paid: dict[str, str] = {}

    @langchain_tool("pay")
    def pay_once(to: str, amount: Decimal, call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Pay."""
        return paid.setdefault(call_id, f"{amount} to {to}")

    pay = scoped_tool(pay_once, effect="write")
    for call_id, to in (("call-1", "shop"), ("call-2", "bank")):
        run(guard, call_of(pay, {"to": to, "amount": 40}, id=call_id), pay)

    assert paid == {"call-1": "40 to shop", "call-2": "40 to bank"}


def test_an_outcome_that_cannot_be_recorded_is_in_doubt(
    vaulted: Guard, sqlite_url: str, devvault: DevelopmentVault, run: Run
) -> None:
    """It ran, nobody can say how, and so it does not run again."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    break_records(sqlite_url, "call.ended")

    with pytest.raises(LedgerError):
        run(vaulted, refund(tool), tool)
    result = run(vaulted, refund(tool), tool)

    assert (len(used), result.outcome) == (1, "refused")
    assert UNDECIDED in str(result.content)
    assert [call.state for call in vaulted.calls.list()] == ["under_way"]
    assert live(vaulted, devvault) == []


def test_a_tool_that_raises_is_in_doubt(
    vaulted: Guard, ledger: Ledger, devvault: DevelopmentVault, run: Run
) -> None:
    """It may have had its effect before; its error is its result, and its lease ends as any."""
    tool = refund_tool(raises(ValueError(f"unreadable: {SECRET}")))
    result = run(vaulted, refund(tool), tool)

    assert result.outcome == "unknown"
    assert f"broke off (ValueError: unreadable: {MASK}): {UNDECIDED}" in str(result.content)
    assert live(vaulted, devvault) == []
    assert kinds(ledger) == ALL
    assert next(ledger.records("t", "call.ended")).body["outcome"] == "unknown"
    assert vaulted.calls.list(in_doubt=True) == vaulted.calls.list()
    assert run(vaulted, refund(tool), tool) == result
    assert live(vaulted, devvault) == []


def test_a_tool_that_refuses_has_failed(vaulted: Guard, ledger: Ledger, run: Run) -> None:
    """LangChain's own exception is how its author says that nothing happened."""
    tool = refund_tool(raises(ToolException(f"refused: {SECRET}")))
    result = run(vaulted, refund(tool), tool)

    assert result == ToolResult(content=f"issue_refund failed: refused: {MASK}", outcome="failed")
    assert kinds(ledger)[:4] == ALL[:4]
    assert [call.state for call in vaulted.calls.list()] == ["failed"]


def test_a_read_that_raises_has_failed(guard: Guard, run: Run) -> None:
    """It changes nothing, so nothing about it is in doubt."""

    @scoped_tool(effect="read")
    def look() -> str:
        """Look."""
        raise ValueError("no such order")

    result = run(guard, call_of(look, {}), look)
    assert result == ToolResult(content="look failed: ValueError: no such order", outcome="failed")
    assert guard.calls.list() == ()


def test_a_read_is_recorded_and_may_run_again(guard: Guard, ledger: Ledger, run: Run) -> None:
    """It changes nothing, so nothing is kept to tell its second run from its first."""
    ran: list[int] = []

    @scoped_tool(effect="read")
    def look() -> str:
        """Look."""
        ran.append(1)
        return f"look number {len(ran)}"

    call = call_of(look, {})
    contents = [run(guard, call, look).content for _ in range(2)]

    assert contents == ["look number 1", "look number 2"]
    assert guard.calls.list() == ()
    assert kinds(ledger) == ["decision", "call.started", "call.ended"] * 2


@pytest.mark.parametrize("effect", ["write", "destructive"])
def test_a_call_that_changes_something_runs_once(guard: Guard, effect: Any, run: Run) -> None:  # noqa: ANN401 - a literal
    """A second run gets what the first returned, from the database and without a record."""
    ran: list[Decimal] = []

    @scoped_tool(effect=effect)
    def pay(to: str, amount: Decimal) -> list[dict[str, str]]:
        """Pay."""
        ran.append(amount)
        return [{"type": "text", "text": f"to {to} é"}]

    call = call_of(pay, {"to": "shop", "amount": 1})
    first = run(guard, call, pay)
    records = kinds(guard.ledger)
    second = run(guard, call, pay)

    assert first == second
    assert ran == [Decimal(1)]
    assert kinds(guard.ledger) == records
    assert [each.effect for each in guard.calls.list()] == [effect]


def test_of_two_workers_with_one_call_one_runs_it(guard: Guard) -> None:
    """The other finds it begun, or finished."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    call = call_of(tool, {"to": "shop", "amount": 1})
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(partial(guard.run, call), [tool, tool]))

    assert ran == [("shop", Decimal(1))]
    assert {result.outcome for result in results} <= {"succeeded", "refused"}


def test_the_chain_of_records_holds(vaulted: Guard, ledger: Ledger, run: Run) -> None:
    """Whatever a guard writes can be verified."""
    tool = refund_tool(lambda _: "done")
    run(vaulted, refund(tool), tool)

    assert ledger.verify().broken is None


def test_rules_that_change_while_a_tool_runs(guard: Guard, run: Run) -> None:
    """The call ends as the one that it began as; the next one is decided by the new rules."""

    @scoped_tool(effect="destructive")
    def pay(to: str, amount: Decimal) -> str:
        """Pay somebody, and see to stricter rules."""
        guard.policy = load_policy(RULES.replace("500", "300"))
        return f"paid {amount} to {to}"

    result = run(guard, call_of(pay, {"to": "x", "amount": 1}), pay)

    assert result.outcome == "succeeded"
    assert [each.state for each in guard.calls.list()] == ["succeeded"]
