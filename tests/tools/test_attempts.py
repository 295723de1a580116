"""Tools that raised, or returned what is none: what a model reads of it, and what it does not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from langchain_core.tools import ToolException
from langgraph.errors import GraphInterrupt, ParentCommand
from langgraph.types import Command
from tests.tools.attempts import NOTHING, SECRET, UnspeakableError, araise, deep, raise_it, seen

from bailiwick.policies.redaction import MASK, Redactor
from bailiwick.tools.attempts import Attempt
from bailiwick.tools.results import ToolResult


def iter_of() -> Iterator[int]:
    """Give one number."""
    yield 1


async def aiter_of() -> AsyncIterator[int]:
    """Give one number, on an event loop."""
    yield 1


def test_a_command_is_refused() -> None:
    """A tool must not steer the graph past the nodes that ask."""
    result = seen(Command(goto="execute", update={"messages": []}))

    assert result.outcome == "failed"
    assert "does not steer the graph" in str(result.content)


async def never() -> None:
    """Do nothing, if anybody waits for it."""


@pytest.mark.parametrize("hidden", [never, iter_of, aiter_of])
def test_what_has_only_been_made_has_not_run(hidden: Callable[[], object]) -> None:
    """A decorator hides that a function is asynchronous; it must not pass for a success."""
    result = Attempt(hidden()).redacted("pay", NOTHING, changes=True)

    assert result.outcome == "unknown"
    assert "of which nothing has run" in str(result.content)


def test_an_error_of_what_changes_something_leaves_its_outcome_unknown() -> None:
    """It may have come after the effect; what it says is told, without the secret."""
    error = OSError(f"lost the answer to {SECRET}")
    result = Attempt(error=error).redacted("pay", Redactor([SECRET]), changes=True)

    assert (result.outcome, result.state) == ("unknown", "in_doubt")
    assert f"broke off (OSError: lost the answer to {MASK})" in str(result.content)
    assert "its outcome is not known" in str(result.content)


@pytest.mark.parametrize("changes", [True, False], ids=["changes", "reads"])
def test_a_tool_exception_says_that_nothing_happened(*, changes: bool) -> None:
    """It is how the author of a tool refuses; the model reads the sentence alone."""
    attempt = Attempt(error=ToolException(f"no such order: {SECRET}"))
    result = attempt.redacted("pay", Redactor([SECRET]), changes=changes)

    assert result == ToolResult(content=f"pay failed: no such order: {MASK}", outcome="failed")
    assert result.state == "failed"


@pytest.mark.parametrize(
    "attempt", [Attempt(Command(goto="execute")), Attempt(error=UnspeakableError())]
)
def test_what_has_run_and_gave_nothing_usable_is_unknown(attempt: Attempt) -> None:
    """A command that is refused, an error that cannot be told: the effect may be there."""
    assert attempt.redacted("pay", NOTHING, changes=True).outcome == "unknown"


def test_an_exception_is_told_by_type_and_message() -> None:
    """The model learns what went wrong, not where."""
    result = Attempt(error=ValueError("no such order")).redacted("pay", NOTHING, changes=False)

    assert result == ToolResult(content="pay failed: ValueError: no such order", outcome="failed")


def test_no_exception_shows_the_secret() -> None:
    """Neither its message nor what it was raised from."""
    error = ValueError(f"refused: {SECRET!r}")
    error.__cause__ = KeyError(SECRET)
    result = Attempt(error=ExceptionGroup(f"with {SECRET}", [error])).redacted(
        "pay", Redactor([SECRET]), changes=False
    )

    assert result.content == f"pay failed: ExceptionGroup: with {MASK} (1 sub-exception)"


@pytest.mark.parametrize(
    ("attempt", "kind"),
    [
        (Attempt(error=UnspeakableError()), "RuntimeError"),
        (Attempt(deep()), "RecursionError"),
    ],
    ids=["its message raises", "nested too deep"],
)
def test_what_cannot_be_shown_is_still_a_result(attempt: Attempt, kind: str) -> None:
    """The tool has run: an error here would leave the call in doubt, and could tell the secret."""
    result = attempt.redacted("pay", Redactor([SECRET]), changes=False)

    assert result.outcome == "failed"
    assert result.content == f"pay ran, but what came of it cannot be shown ({kind})."


async def test_an_error_of_a_tool_is_its_result() -> None:
    """Both forms keep what was raised."""
    error = ValueError("no")

    assert Attempt.of(lambda: raise_it(error), may_interrupt=True).error is error
    assert (await Attempt.aof(lambda: araise(error), may_interrupt=True)).error is error


@pytest.mark.parametrize(
    "signal",
    [GraphInterrupt(), KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()],
    ids=lambda signal: type(signal).__name__,
)
async def test_signals_are_no_results(signal: BaseException) -> None:
    """An interrupt, a stop or a cancellation passes through to whoever it is meant for."""
    with pytest.raises(type(signal)):
        Attempt.of(lambda: raise_it(signal), may_interrupt=True)
    with pytest.raises(type(signal)):
        await Attempt.aof(lambda: araise(signal), may_interrupt=True)


async def test_a_command_of_a_graph_below_is_refused() -> None:
    """One for the graph around would write there as if the tool had, and the call had no end."""
    signal = ParentCommand(Command(graph=Command.PARENT, goto="execute"))
    for attempt in (
        Attempt.of(lambda: raise_it(signal), may_interrupt=True),
        await Attempt.aof(lambda: araise(signal), may_interrupt=True),
    ):
        assert "does not steer the graph" in str(attempt.error)


async def test_a_tool_that_holds_a_credential_cannot_interrupt() -> None:
    """What it asks would stand in a checkpoint, its credential with it."""
    signal = GraphInterrupt(())
    attempt = Attempt.of(lambda: raise_it(signal), may_interrupt=False)
    assert "cannot interrupt" in str(attempt.error)
    attempt = await Attempt.aof(lambda: araise(signal), may_interrupt=False)
    assert "cannot interrupt" in str(attempt.error)
