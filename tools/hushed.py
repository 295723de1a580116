"""Owns what is heard of a tool while it holds a credential: its log lines, its stream, its stop."""

import logging
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

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
    """Return what stopped a tool, such as a cancellation, without anything that it held.

    Its message, its notes, its causes and its fields are redacted; the frames of the tool, whose
    locals hold the secret, are let go.
    """
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        todo += [each.__cause__, each.__context__, *_parts(each)]
        _clean(each, redactor)
    if isinstance(error, BaseExceptionGroup):
        # Its message cannot be changed.
        return BaseExceptionGroup(redactor.text(error.message), error.exceptions)
    return error


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _clean(error: BaseException, redactor: Redactor) -> None:
    if not isinstance(error, BaseExceptionGroup):
        error.args = tuple(redactor.value(each) for each in error.args)
    error.__traceback__ = None
    for name, value in list(vars(error).items()):
        setattr(error, name, redactor.value(value))
    if isinstance(error, SystemExit):
        error.code = redactor.value(error.code)


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
