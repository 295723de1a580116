"""Owns an attempt at a call: what its tool returned or raised, and the result to be seen of it."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NoReturn

from langchain_core.messages import ToolMessage
from langchain_core.tools import ToolException
from langchain_core.tools.base import TOOL_MESSAGE_BLOCK_TYPES
from langgraph.errors import GraphBubbleUp, ParentCommand, is_invalid_resume
from langgraph.types import Command
from pydantic import BaseModel

from bailiwick.policies.errors import ScopeError
from bailiwick.policies.redaction import Redactor
from bailiwick.tools.results import Content, ToolResult
from bailiwick.tools.scratchpads import without_bare_answers

_BROKEN_OFF = (
    "{} was started and broke off ({}): its outcome is not known, so it is not run again. Do not "
    "ask for it a second time; a person has to find out what became of it."
)
_NO_INTERRUPT = (
    "it cannot interrupt: what asks is run again from its beginning, which only a read may be that "
    "nobody approved and that holds no credential"
)
_NO_COMMAND = "a scoped tool returns content, it does not steer the graph with a Command"

BLOCK_TYPES = (*TOOL_MESSAGE_BLOCK_TYPES, "audio", "video")
"""Block types that a tool message may hold as they are: LangChain's, and the other media."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Hold what a tool returned or raised, as it was: not redacted yet, and so without a repr."""

    value: Any = field(default=None, repr=False)
    error: Exception | None = field(default=None, repr=False)

    @classmethod
    def of(cls, run: Callable[[], Any], *, may_interrupt: bool) -> "Attempt":
        """Run a tool; LangGraph's own signals, such as an interrupt, pass through if they may."""
        try:
            with nullcontext() if may_interrupt else _without_interrupts():
                return cls(run())
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is its result
            return cls(error=_result_of(error, may_interrupt=may_interrupt))

    @classmethod
    async def aof(cls, run: Callable[[], Awaitable[Any]], *, may_interrupt: bool) -> "Attempt":
        """Do what `of` does, on an event loop."""
        try:
            with nullcontext() if may_interrupt else _without_interrupts():
                return cls(await run())
        except Exception as error:  # noqa: BLE001 - as above
            return cls(error=_result_of(error, may_interrupt=may_interrupt))

    def redacted(self, tool: str, redactor: Redactor, *, changes: bool) -> ToolResult:
        """Return the result that may be seen; whatever the tool gave, this does not raise.

        Args:
            tool: The tool's name.
            redactor: What takes its secrets out.
            changes: Whether the tool changes something. Then an error leaves its effect unknown,
                but for LangChain's `ToolException`, by which an author says that there was none.
        """
        try:
            return self._seen(tool, redactor, changes=changes)
        except Exception as error:  # noqa: BLE001 - the tool has run, and that must be recorded
            kind = type(error).__name__
            text = f"what came of it cannot be shown ({kind})"
            if changes:
                return ToolResult(content=_BROKEN_OFF.format(tool, text), outcome="unknown")
            return ToolResult(content=f"{tool} ran, but {text}.", outcome="failed")

    def _seen(self, tool: str, redactor: Redactor, *, changes: bool) -> ToolResult:
        if isinstance(self.error, ToolException):
            return _broken(tool, _content(str(self.error), redactor), changes=False)
        if self.error is not None:
            text = _content(f"{type(self.error).__name__}: {self.error}", redactor)
            return _broken(tool, text, changes=changes)
        match self.value:
            case Command():
                return _broken(tool, _NO_COMMAND, changes=changes)
            case Coroutine() | Generator() | AsyncGenerator():
                return _broken(tool, _not_run(self.value), changes=changes)
            case ToolMessage(content=content, artifact=artifact, status=status):
                return ToolResult(
                    content=_content(content, redactor),
                    artifact=redactor.value(artifact),
                    outcome="failed" if status == "error" else "succeeded",
                )
            case value:
                return ToolResult(content=_content(value, redactor), outcome="succeeded")


def _result_of(error: Exception, *, may_interrupt: bool) -> Exception:
    """Return what a tool's error comes to; raise what LangGraph is to hear of."""
    match error:
        case ParentCommand():
            return ScopeError(_NO_COMMAND)
        case GraphBubbleUp() if not may_interrupt:
            return ScopeError(_NO_INTERRUPT)
        case GraphBubbleUp():
            raise error
        case _ if may_interrupt and is_invalid_resume(error):
            # Nothing of such an answer is kept, and the question below the tool stays open.
            raise error
        case _:
            return error


def _not_run(value: object) -> str:
    if isinstance(value, Coroutine | Generator):
        value.close()
    kind = type(value).__name__
    return f"it returned a {kind}, of which nothing has run: declare the function itself"


def _without_interrupts() -> AbstractContextManager[None]:
    """Have `interrupt` refuse: it would give a tool the answer to the question about its call."""
    return without_bare_answers(interrupt_counter=_refuse)


def _refuse() -> NoReturn:
    raise ScopeError(_NO_INTERRUPT)


def _broken(tool: str, text: Content, *, changes: bool) -> ToolResult:
    if changes:
        return ToolResult(content=_BROKEN_OFF.format(tool, text), outcome="unknown")
    return ToolResult(content=f"{tool} failed: {text}", outcome="failed")


def _content(value: object, redactor: Redactor) -> Content:
    simple = redactor.value(_simple(value))
    if isinstance(simple, str):
        return simple
    if isinstance(simple, list) and _are_blocks(simple):
        return simple
    return redactor.text(json.dumps(simple, ensure_ascii=False))


def _simple(value: object) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON values: as they are before JSON escapes them, secrets are found best."""
    if isinstance(value, str):
        return _storable(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=_told)
    except (TypeError, ValueError, RecursionError):
        return _storable(str(value))
    # Python writes numbers that JSON does not have: as text they can be kept.
    return json.loads(_storable(text), parse_constant=str)


def _told(value: object) -> object:
    match value:
        case bytes() | bytearray():
            return value.decode(errors="backslashreplace")
        case BaseModel():
            return value.model_dump(mode="json")
        case set() | frozenset():
            return sorted(value, key=str)
        case _:
            return str(value)


def _storable(text: str) -> str:
    # Neither a database nor a checkpoint can hold a lone surrogate, such as in a file's name.
    return text.encode(errors="replace").decode()


def _are_blocks(items: list[Any]) -> bool:
    """Tell content blocks, which may have texts between them, from any other list."""
    blocks = [item for item in items if not isinstance(item, str)]
    return bool(blocks) and all(map(_is_block, blocks))


def _is_block(item: object) -> bool:
    return isinstance(item, dict) and item.get("type") in BLOCK_TYPES
