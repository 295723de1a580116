"""What is shown to people, and kept, is read back as the same arguments, or no call is made."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    JsonValue,
    PrivateAttr,
    RootModel,
    SecretStr,
    StrictFloat,
)

from bailiwick.policies.canonical import plain_record
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool


class Colour(Enum):
    """Name something by a value."""

    RED = "red"


class Line(BaseModel):
    """Order something, by another name."""

    model_config = ConfigDict(extra="allow")
    quantity: int = Field(alias="qty")
    _seen: object = PrivateAttr(default_factory=object)


@dataclass
class Point:
    """Lie somewhere."""

    x: float


def function_of(kind: Any, default: Any = ...) -> Callable[..., str]:  # noqa: ANN401 - any annotation
    """Return a function of one argument of this type."""

    def act(given: Any) -> str:  # noqa: ANN401 - as above
        return repr(given)

    act.__annotations__["given"], act.__doc__ = kind, "Act."
    act.__defaults__ = None if default is ... else (default,)
    return act


def taking(kind: Any, default: Any = ..., *, is_wrapped: bool = False) -> ScopedTool:  # noqa: ANN401 - as above
    """Return a tool of one argument of this type."""
    function = function_of(kind, default)
    return scoped_tool(tool(function) if is_wrapped else function, effect="destructive")


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        (Path, "/srv", "/srv"),
        (timedelta, "PT5M", "PT5M"),
        (HttpUrl, "https://a.b", "https://a.b/"),
        (IPv4Address, "10.0.0.1", "10.0.0.1"),
        (Point, {"x": 1.0}, {"x": 1}),
        (Line, {"qty": 3, "share": 0.5}, {"qty": 3, "share": 0.5}),
        (RootModel[list[int]], [1], [1]),
        (dict[Colour, int], {"red": 1}, {"red": 1}),
        (dict[int, Colour], {"1": "red"}, {"1": "red"}),
        (StrictFloat, 1.5, 1.5),
        (int | float, 2.0, 2),
        (float | str, 1.5, 1.5),
        (float | str, "1.5", "1.5"),
        (int, 2**60, str(2**60)),
        (JsonValue, [1.5, {"a": "1.5"}], [1.5, {"a": "1.5"}]),
        (str, "cafe\u0301", "caf\u00e9"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_what_is_shown_is_read_back(
    kind: Any,  # noqa: ANN401 - any annotation
    given: Any,  # noqa: ANN401 - any JSON
    shown: object,
    *,
    is_wrapped: bool,
) -> None:
    """So it can be edited, undone, tried again, and looked for."""
    scoped = taking(kind, is_wrapped=is_wrapped)
    kept = json.loads(json.dumps(plain_record(scoped.validate_args({"given": given}))))

    assert kept == {"given": shown}
    scoped.args_check.check(kept)
    assert plain_record(scoped.validate_args(kept)) == kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [(int | str, 2**60), (Any, 2**60), (dict[str, Any], {"a": [2**60]}), (set[int | str], [2**60])],
    ids=["a choice", "anything", "a mapping", "a set"],
)
def test_what_is_read_back_as_something_else_is_refused(kind: object, given: object) -> None:
    """A second try would be another call than the one that was approved."""
    with pytest.raises(ValueError, match="'given' is not read back from what it is written down"):
        taking(kind).validate_args({"given": given})


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_none_that_its_type_does_not_take_stands_for_what_is_left_out(
    *, is_wrapped: bool
) -> None:
    """`given: str = None` is often written; whoever edits another argument sends the None back."""
    scoped = taking(str, None, is_wrapped=is_wrapped)

    assert scoped.validate_args({}) == {"given": None}
    scoped.args_check.check({"given": None})
    assert scoped.validate_args({"given": None}) == {"given": None}
    assert scoped.validate_args({"given": "x"}) == {"given": "x"}


def test_a_default_that_its_type_does_not_take_is_refused() -> None:
    """Whoever edited another argument would be told that this one is wrong."""
    scoped = taking(int, "many")

    with pytest.raises(ValueError, match=r"'given' is not read back from what it is written"):
        scoped.validate_args({})
    assert scoped.validate_args({"given": 1}) == {"given": 1}


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Json[dict[str, int]], "is JSON in a text"),
        (list[Json[Any]], "is JSON in a text"),
        (SecretStr, "is a secret"),
        (SecretStr | None, "is a secret"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_what_is_never_read_back_is_refused_where_it_is_declared(
    kind: object, why: str, *, is_wrapped: bool
) -> None:
    """Its author learns of it, and not the one who asks."""
    with pytest.raises(ScopeError, match=f"'act' takes 'given', which {why}"):
        taking(kind, is_wrapped=is_wrapped)
