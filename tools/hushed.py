"""Owns what is heard of a tool while it holds a credential: its log lines, its stream, its stop."""

import logging
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from bailiwick.policies.redaction import Redactor
from bailiwick.tools.tracing import unheard

_current: ContextVar[Redactor | None] = ContextVar("bailiwick_redactor", default=None)


@contextmanager
def hushed(redactor: Redactor) -> Generator[None]:
    """Redact what runs meanwhile writes to logs and to the graph's stream; trace none of it.

    It holds for this context and for the tasks and `asyncio.to_thread` calls made in it, not for
    threads that a tool starts by itself. What it prints is its own affair, and so are the `extra`
    fields of a log line.
    """
    _redact_records()
    token = _current.set(redactor)
    try:
        with unheard(redactor):
            yield
    finally:
        _current.reset(token)


def stopped(error: BaseException, redactor: Redactor) -> BaseException:
    """Return an error to raise in the place of what stopped a tool, such as a cancellation.

    It is a new one of the same kind with redacted arguments: whatever an error holds besides, such
    as causes, notes, fields and frames with their locals, can be neither all found nor all changed.
    Where nothing was leased it is the same one.
    """
    if not redactor.secrets:
        return error
    if isinstance(error, BaseExceptionGroup):
        parts = [stopped(each, redactor) for each in error.exceptions]
        return BaseExceptionGroup(redactor.text(error.message), parts)
    if isinstance(error, SystemExit):
        return SystemExit(*_redacted((error.code,), redactor) or (1,))
    args = _redacted(error.args, redactor)
    if isinstance(error, Exception):
        # It stands beside a stop, in one group; not every kind can be made of arguments alone.
        return RuntimeError(type(error).__name__, *args)
    # Not by its own constructor, which may want more, or keep more.
    return BaseException.__new__(type(error), *args)


def _redacted(args: tuple[Any, ...], redactor: Redactor) -> tuple[Any, ...]:
    try:
        return tuple(redactor.value(each) for each in args)
    except Exception:  # noqa: BLE001 - whatever cannot be shown, the stop goes on
        return ()


class _Records:
    """Make log records as somebody else does, redacted while a tool holds a credential."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: object, **kwargs: object) -> logging.LogRecord:
        """Return a record."""
        record = self._make(*args, **kwargs)
        redactor = _current.get()
        if redactor is not None:
            _redact(record, redactor)
        return record


def _redact_records() -> None:
    # Once, and again where somebody has set a factory of their own in the meantime.
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Records):
        logging.setLogRecordFactory(_Records(make))


def _redact(record: logging.LogRecord, redactor: Redactor) -> None:
    try:
        message = record.getMessage()
    except Exception as error:  # noqa: BLE001 - a log line must never fail a tool
        message = f"a log line that cannot be shown ({type(error).__name__})"
    record.msg, record.args = redactor.text(message), None
    if record.stack_info:
        record.stack_info = redactor.text(record.stack_info)
    if record.exc_info and record.exc_info[0] is not None:
        # As text: a handler that looks into its frames would find the secret in their locals.
        record.exc_text = redactor.text("".join(traceback.format_exception(*record.exc_info)))
        record.exc_text = record.exc_text.rstrip("\n")
        record.exc_info = None
