"""Owns what is heard of a tool while it holds a credential: its log lines, its stream, its stop."""

import logging
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from bailiwick.policies.redaction import Redactor
from bailiwick.tools.secrets.held import Held
from bailiwick.tools.tracing import unheard

_current: ContextVar[Redactor | None] = ContextVar("bailiwick_redactor", default=None)
# A process makes its log records in one place.
_held = Held()

_UNSHOWN = "a log line that cannot be shown"


@contextmanager
def hushed(redactor: Redactor) -> Generator[None]:
    """Redact what runs meanwhile writes to logs and to the graph's stream; trace none of it.

    What it logs is searched from whichever thread or task it comes, and for some time afterwards;
    what it streams, only in this context and in tasks and `asyncio.to_thread` calls made in it.
    What it prints is its own affair, and so are the `extra` fields of a log line.
    """
    _redact_records()
    token = _current.set(redactor)
    try:
        with _held.holding(redactor), unheard(redactor):
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
    """Make log records as somebody else does, without what tools hold, or held a moment ago."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: object, **kwargs: object) -> logging.LogRecord:
        """Return a record."""
        record = self._make(*args, **kwargs)
        redactor = _current.get()
        if redactor is not None:
            _redact(record, redactor)
        held = _held.redactor()
        if held.secrets and _shows(record, held):
            _redact(record, held)
        return record


def _redact_records() -> None:
    # Once, and again where somebody has set a factory of their own in the meantime.
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Records):
        logging.setLogRecordFactory(_Records(make))


def _shows(record: logging.LogRecord, redactor: Redactor) -> bool:
    # The lines of all others in the process are left as they are, with their arguments and errors.
    if (message := _message(record)) is None:
        # A handler would print its arguments then.
        return True
    shown = "\n".join([message, record.stack_info or "", *_error_lines(record)])
    return redactor.text(shown) != shown


def _redact(record: logging.LogRecord, redactor: Redactor) -> None:
    message = _message(record)
    record.msg = _UNSHOWN if message is None else redactor.text(message)
    record.args = None
    if record.stack_info:
        record.stack_info = redactor.text(record.stack_info)
    if lines := _error_lines(record):
        # As text: a handler that looks into its frames would find the secret in their locals.
        record.exc_text = redactor.text("".join(lines)).rstrip("\n")
        record.exc_info = None


def _message(record: logging.LogRecord) -> str | None:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a log line must never fail a tool
        return None


def _error_lines(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[0] is None:
        return []
    return traceback.format_exception(*record.exc_info)
