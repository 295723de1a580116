"""What stops a tool that holds a credential goes on, and shows nothing of what the tool held."""

import asyncio
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from bailiwick.policies.redaction import MASK, Redactor
from bailiwick.tools.hushed import stopped

SECRET = "s3cr3t/key+with=signs"
REDACTOR = Redactor([SECRET])


class TwiceTold(BaseException):
    """Hold a secret in a field besides, and be made of that alone."""

    def __init__(self, *, secret: str) -> None:
        super().__init__("stopped")
        self.secret = secret


class Unspeakable:
    """Fail whoever asks what it is."""

    def __str__(self) -> str:
        raise ValueError(SECRET)


@dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818 - as people name them
    """Refuse to be changed."""

    why: str


def fail(error: BaseException) -> NoReturn:
    """Raise an error from an expression."""
    raise error


def raised(stop: BaseException, during: Callable[[], object] = str) -> BaseException:
    """Return an error as a tool would have raised it, its secret in a local variable."""
    key = SECRET
    try:
        try:
            during()
        except BaseException:  # noqa: BLE001 - whatever it is
            fail(stop)
        fail(stop)
    except BaseException as caught:  # noqa: BLE001 - it is what is looked at
        caught.add_note(f"at {key}")
        return caught


STOPS: dict[str, Callable[[], BaseException]] = {
    "exit": lambda: raised(SystemExit(f"gave up on {SECRET}")),
    "interrupt": lambda: raised(KeyboardInterrupt(SECRET)),
    "cancellation": lambda: raised(asyncio.CancelledError(SECRET)),
    "field": lambda: raised(TwiceTold(secret=SECRET)),
    "group": lambda: raised(
        BaseExceptionGroup(SECRET, [raised(KeyboardInterrupt(SECRET)), raised(ValueError(SECRET))])
    ),
    "group in a group": lambda: raised(
        BaseExceptionGroup("all", [BaseExceptionGroup(SECRET, [KeyboardInterrupt()])])
    ),
    "argument without a text": lambda: raised(KeyboardInterrupt(Unspeakable())),
}
CONTEXTS: dict[str, Callable[[], object]] = {
    "a value": lambda: fail(ValueError(SECRET)),
    "a file's name": lambda: Path(f"/nowhere/{SECRET}").read_text(encoding="utf-8"),
    "an object": lambda: getattr(SECRET, "nothing"),  # noqa: B009 - it fails
    "bytes": (SECRET.encode() + b"\xff").decode,
    "a group": lambda: fail(ExceptionGroup(SECRET, [ValueError("x")])),
    "what is frozen": lambda: fail(Frozen(SECRET)),
}


def errors(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error with all that can be reached from it."""
    if error is None:
        return
    yield error
    for each in (error.__cause__, error.__context__):
        yield from errors(each)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from errors(each)


def told(error: BaseException) -> str:
    """Return all that somebody could read of an error."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    fields = ("filename", "obj", "object", "message", "code")
    held = [
        (repr(each), vars(each), [getattr(each, f, "") for f in fields]) for each in errors(error)
    ]
    return "".join(shown.format()) + str(held)


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS.keys())
def test_what_stops_a_tool_shows_nothing(stop: Callable[[], BaseException]) -> None:
    """Neither its text nor notes, fields, parts, and the locals of the frames it came through."""
    error = stop()
    clean = stopped(error, REDACTOR)

    assert SECRET in told(error)
    assert SECRET not in told(clean)
    assert type(clean) is type(error)


@pytest.mark.parametrize("during", CONTEXTS.values(), ids=CONTEXTS.keys())
def test_what_a_tool_was_at_when_it_was_stopped_shows_nothing(during: Callable[[], object]) -> None:
    """Errors hold what failed in fields of their own, which cannot all be known or changed."""
    error = raised(KeyboardInterrupt(), during)
    clean = stopped(error, REDACTOR)

    assert SECRET in told(error)
    assert SECRET not in told(clean)
    assert list(errors(clean)) == [clean]


def test_a_stop_says_what_it_said() -> None:
    """Who cancelled looks at its message, a shell at its code, `except*` at its parts."""
    group = BaseExceptionGroup("all", [ValueError(SECRET, 1), KeyboardInterrupt()])
    parts = stopped(group, REDACTOR)

    assert stopped(asyncio.CancelledError("by scope 7f"), REDACTOR).args == ("by scope 7f",)
    assert getattr(stopped(SystemExit(3), REDACTOR), "code", None) == 3
    assert getattr(stopped(SystemExit(), REDACTOR), "code", 0) is None
    assert isinstance(parts, BaseExceptionGroup)
    assert parts.exceptions[0].args == ("ValueError", MASK, 1)
    assert isinstance(parts.exceptions[1], KeyboardInterrupt)


def test_where_nothing_was_leased_a_stop_is_the_same() -> None:
    """With its frames, for whoever looks for a mistake."""
    error = raised(KeyboardInterrupt())

    assert stopped(error, Redactor(())) is error
