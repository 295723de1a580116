"""A credential shows its value when asked, until its call ends, and in no other way."""

import copy
import inspect
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumps
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel, ConfigDict, TypeAdapter

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.secrets.credentials import Credential

SECRET = "k-7f3a9c"


class Holder(BaseModel):
    """Be a model that holds one."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    credential: Credential


@dataclass
class Record:
    """Be a record that holds one."""

    credential: Credential


@pytest.fixture
def credential() -> Credential:
    """Give a credential with one value."""
    return Credential("bank/pay", {"key": SECRET})


def test_a_credential_without_fields_reveals_nothing() -> None:
    """There is nothing to name and nothing to mask."""
    empty = Credential("bank/pay", {})

    assert empty.values() == ()
    with pytest.raises(ScopeError, match="'bank/pay' has the fields : name one"):
        empty.reveal()


def test_the_only_field_need_not_be_named(credential: Credential) -> None:
    """Most secrets are one key."""
    assert credential.reveal() == credential.reveal("key") == SECRET


def test_of_several_fields_one_is_named() -> None:
    """Which one a tool meant is not guessed; the error names fields and no values."""
    several = Credential("bank/pay", {"user": "desk-7f3a", "key": SECRET})

    assert (several.reveal("user"), several.reveal("key")) == ("desk-7f3a", SECRET)
    assert set(several.values()) == {"desk-7f3a", SECRET}
    for field in (None, "password"):
        with pytest.raises(ScopeError, match="has the fields key, user: name one") as caught:
            several.reveal(field)
        assert "7f3a" not in str(caught.value)


def test_after_the_call_the_value_is_gone(credential: Credential) -> None:
    """A tool that keeps it for later keeps an empty shell; ending it again changes nothing."""
    credential.end()
    credential.end()

    assert credential.values() == ()
    with pytest.raises(ScopeError, match="'bank/pay' ended with its call: lease it again"):
        credential.reveal()


def test_it_does_not_follow_changes_of_what_it_was_made_of() -> None:
    """Nobody swaps the value from outside."""
    fields = {"key": SECRET}
    credential = Credential("bank/pay", fields)
    fields["key"] = "other"

    assert credential.reveal() == SECRET


SHOWS: dict[str, Callable[[Credential], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda held: format(held, ">40"),
    "f-string": lambda held: f"{held} {held!r} {held!s} {held!a}",
    "percent": lambda held: "%s %r" % (held, held),  # noqa: UP031 - the old way to show it
    "pprint": pprint.pformat,
    "in a list": lambda held: str([held, {"credential": held}]),
    "dir": dir,
    "json with str": lambda held: json.dumps(held, default=str),
    "model": lambda held: (repr(Holder(credential=held)), str(Holder(credential=held))),
    "model dump": lambda held: str(Holder(credential=held).model_dump()),
    "record": lambda held: repr(Record(held)),
    "langchain": lambda held: dumps({"credential": held}),
    "signature": lambda held: str(inspect.getmembers(held, lambda found: isinstance(found, str))),
}


@pytest.mark.parametrize("show", SHOWS.values(), ids=SHOWS.keys())
def test_nothing_that_shows_it_shows_the_value(
    show: Callable[[Credential], object], credential: Credential
) -> None:
    """Prints, logs and traces name the path alone."""
    assert SECRET not in str(show(credential))


TAKES: dict[str, Callable[[Credential], object]] = {
    "pickle": pickle.dumps,
    "pickle in a list": lambda held: pickle.dumps([held]),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a holder": lambda held: copy.deepcopy({"credential": held}),
    "asdict": lambda held: asdict(Record(held)),
    "state": lambda held: held.__getstate__(),
    "vars": vars,
    "json": json.dumps,
    "model json": lambda held: Holder(credential=held).model_dump_json(),
    "adapter": lambda held: TypeAdapter(Any).dump_json(held),
    "checkpoint": lambda held: JsonPlusSerializer().dumps_typed({"credential": held}),
}


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES.keys())
def test_nothing_takes_the_value_out(
    take: Callable[[Credential], object], credential: Credential
) -> None:
    """It can be neither stored nor copied, and the error does not show it either."""
    with pytest.raises((ScopeError, TypeError, ValueError)) as caught:
        take(credential)

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert SECRET not in "".join(shown.format()).replace(f'SECRET = "{SECRET}"', "")


def test_a_log_does_not_show_the_value(
    credential: Credential, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither as an argument nor in a traceback."""
    logger = logging.getLogger("tests.credentials")
    try:
        credential.reveal("wrong")
    except ScopeError:
        logger.exception("with %s", credential)

    assert "Credential('bank/pay')" in caplog.text
    assert SECRET not in caplog.text


@given(value=st.text(), guess=st.text())
def test_comparing_tells_nothing(value: str, guess: str) -> None:
    """Two are never equal, whatever they hold, and neither is a value and its credential."""
    credential = Credential("bank/pay", {"key": value})

    others: list[object] = [Credential("bank/pay", {"key": value}), value, guess]
    assert all(credential != other for other in others)
    assert credential == credential  # noqa: PLR0124 - identity is all there is
    assert hash(credential) != hash(value)


@given(value=st.text(), guess=st.text())
def test_a_text_is_held_against_the_value(value: str, guess: str) -> None:
    """As `==` would, but in a time that does not tell how much of it was right."""
    credential = Credential("bank/pay", {"key": value, "other": "x"})

    assert credential.matches(value, "key")
    assert credential.matches(guess, "key") == (guess == value)


def test_nothing_matches_after_the_call(credential: Credential) -> None:
    """Neither the value nor anything else."""
    credential.end()

    with pytest.raises(ScopeError, match="ended with its call"):
        credential.matches(SECRET)


@given(
    fields=st.dictionaries(st.text(max_size=5), st.text(min_size=6), min_size=1, max_size=3),
    name=st.text(max_size=5),
)
def test_no_error_shows_a_value(fields: dict[str, str], name: str) -> None:
    """Asked for what it has not, it tells its fields' names alone, its frames' locals included."""
    credential = Credential("p", {f"f{key}": f"<{value}>" for key, value in fields.items()})
    with pytest.raises(ScopeError) as caught:
        credential.reveal(f"no such {name}")

    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    # The test's own frame holds the fields.
    shown = [held for frame in told.stack[1:] for held in (frame.locals or {}).values()]
    for value in fields.values():
        assert all(f"<{value}>" not in held for held in shown)
        assert f"<{value}>" not in str(caught.value)
