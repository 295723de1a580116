"""What may run twice is tried again when it fails for a moment, and nothing else is."""

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal

import httpx
import pytest
from langchain_core.tools import ToolException
from tests.tools.governed import call_of, load_policy

from bailiwick.policies.calls import Effect
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.retries import ATTEMPTS, TransientError

Run = Callable[[ScopedTool], ToolResult]


@pytest.fixture
def guard(sqlite_url: str) -> Iterator[Guard]:
    """Give a guard without a vault."""
    ledger = Ledger(sqlite_url)
    yield Guard(policy=load_policy(), ledger=ledger)
    ledger.close()


@pytest.fixture(params=["run", "arun"])
def run(request: pytest.FixtureRequest, guard: Guard) -> Run:
    """Give both ways to run a tool's only call in turn."""

    def run(tool: ScopedTool) -> ToolResult:
        args = {"to": "shop", "amount": 1} if tool.name == "pay" else {}
        call = call_of(tool, args)
        if request.param == "run":
            return guard.run(call, tool)
        return asyncio.run(guard.arun(call, tool))

    return run


def failing(errors: list[Exception], effect: Effect, *, idempotent: bool = False) -> ScopedTool:
    """Return a tool that raises these errors, one each time it runs, and then succeeds."""

    def work() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    if effect == "read":

        def look() -> str:
            """Look."""
            return work()

        return scoped_tool(look, effect=effect)

    def pay(to: str, amount: Decimal) -> str:
        """Pay."""
        return f"{to} {amount} {work()}"

    return scoped_tool(pay, effect=effect, idempotent=idempotent)


@pytest.mark.parametrize(
    "error",
    [TransientError("later"), ConnectionError(), TimeoutError(), httpx.ReadTimeout("slow")],
    ids=lambda error: type(error).__name__,
)
def test_a_read_is_tried_again(run: Run, error: Exception) -> None:
    """Whatever is gone the next time."""
    errors = [error]
    result = run(failing(errors, "read"))
    assert (result, errors) == (ToolResult(content="done", outcome="succeeded"), [])


def test_a_write_that_says_so_is_tried_again(run: Run, guard: Guard) -> None:
    """Its author knows that a second run changes nothing more; it is one call all the same."""
    result = run(failing([ConnectionError()], "write", idempotent=True))
    assert result.content == "shop 1 done"
    assert [call.state for call in guard.calls.list()] == ["succeeded"]
    assert len(list(guard.ledger.records("t", "call.started"))) == 1


@pytest.mark.parametrize("effect", ["write", "destructive"])
def test_what_changes_something_is_not_tried_again(run: Run, guard: Guard, effect: Effect) -> None:
    """It may have had its effect: it is in doubt."""
    errors: list[Exception] = [ConnectionError(), ConnectionError()]
    assert run(failing(errors, effect)).outcome == "unknown"
    assert len(errors) == 1
    assert [call.state for call in guard.calls.list()] == ["in_doubt"]


@pytest.mark.parametrize("error", [ValueError("no"), ToolException("no"), PermissionError("no")])
def test_what_would_fail_again_is_not_tried_again(run: Run, error: Exception) -> None:
    """A mistake stays one."""
    errors = [error, error]
    assert run(failing(errors, "read")).outcome == "failed"
    assert len(errors) == 1


def test_what_keeps_failing_is_given_up(run: Run) -> None:
    """The last error is the result."""
    errors: list[Exception] = [TransientError(f"number {n}") for n in range(ATTEMPTS + 1)]
    result = run(failing(errors, "read"))
    assert result == ToolResult(content="look failed: number 2", outcome="failed")
    assert len(errors) == 1


def test_a_denial_is_no_error_to_try_again(guard: Guard) -> None:
    """It is an answer, given once."""
    tool = failing([], "read")
    assert guard.run(call_of(tool, {}, agent="orders"), tool).outcome == "refused"
    assert len(list(guard.ledger.records("t", "decision"))) == 1


def test_what_destroys_is_never_idempotent() -> None:
    """Nobody can say so of what cannot be undone."""
    with pytest.raises(ScopeError, match="never tried again by itself"):
        failing([], "destructive", idempotent=True)
