"""What rules can read of a call's arguments, and what is refused."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel

from bailiwick.policies.canonical import plain
from bailiwick.policies.projection import (
    UnreadableArgumentError,
    Value,
    project,
    refuse_reserved,
)
from bailiwick.policies.schemas import RecordOf, SetOf, Type


class Size(Enum):
    """Name a size by its number."""

    LARGE = 3


class Part(Enum):
    """Name a part of an account."""

    IBAN = "IBAN"


class Account(BaseModel):
    """Hold an account, read by another name than its own, with whatever else stands there."""

    model_config = ConfigDict(extra="allow")

    number: str = Field(alias="IBAN")


class Line(BaseModel):
    """Hold one line of an order."""

    price: Decimal
    note: str = ""


LINE = RecordOf({"price": "Cents"}, {})


def only(kind: Type, value: object) -> Value:
    """Project one argument of a type."""
    return project({"it": value}, RecordOf({"it": kind}, {}))["it"]


def test_a_tool_without_declared_arguments_shows_none() -> None:
    """What the schema does not declare, no rule reads."""
    assert project({"secret": "x"}, RecordOf({}, {})) == {}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("String", "", ""),
        ("String", "e\u0301", "\u00e9"),
        ("String", date(2026, 1, 2), "2026-01-02"),
        ("String", datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ("String", UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        ("Bool", False, False),
        ("Long", -(2**63), -(2**63)),
        ("Long", Size.LARGE, 3),
        ("Cents", Decimal(40), 4000),
        ("Cents", Decimal("40.5"), 4050),
        ("Cents", Decimal("4E+1"), 4000),
        ("Cents", Decimal("-0.010"), -1),
        ("Cents", Decimal("0E-99"), 0),
        (SetOf("String"), ("b", "a"), ["b", "a"]),
        (SetOf("Long"), frozenset(), []),
        (LINE, Line(price=Decimal(1), note="dropped"), {"price": 100}),
        (LINE, {"price": Decimal(1), "other": ...}, {"price": 100}),
        (SetOf(LINE), [Line(price=Decimal(2))], [{"price": 200}]),
    ],
    ids=repr,
)
def test_a_value_of_the_declared_type_is_readable(
    kind: Type, value: object, expected: Value
) -> None:
    """Each declared type has the Python values that mean the same."""
    assert only(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", None),
        ("String", 1),
        ("String", {"__entity": {"type": "Agent", "id": "billing"}}),
        ("Bool", 1),
        ("Long", True),
        ("Long", 40.0),
        ("Long", "40"),
        ("Long", Decimal(40)),
        ("Long", 2**63),
        ("Cents", 40),
        ("Cents", 40.0),
        ("Cents", "40"),
        ("Cents", Decimal("40.001")),
        ("Cents", Decimal("1E-999999999")),
        ("Cents", Decimal("1E+999999999")),
        ("Cents", Decimal("92233720368547758.08")),
        ("Cents", Decimal("NaN")),
        ("Cents", Decimal("-Infinity")),
        (SetOf("String"), "ab"),
        (SetOf("String"), [None]),
        (SetOf("Long"), {"a": 1}),
        (LINE, {}),
        (LINE, [("price", Decimal(1))]),
    ],
    ids=repr,
)
def test_any_other_value_is_refused(kind: Type, value: object) -> None:
    """Nothing is guessed: whole units are never read as cents, nor a word as a set of letters."""
    with pytest.raises(UnreadableArgumentError, match="'it"):
        only(kind, value)


def test_a_missing_argument_is_refused_by_its_name() -> None:
    """A rule about an amount is never skipped because there is none."""
    with pytest.raises(UnreadableArgumentError, match=r"'lines\.price' is missing"):
        project({"lines": {}}, RecordOf({"lines": LINE}, {}))


@pytest.mark.parametrize("args", [{}, {"it": None}], ids=["absent", "None"])
def test_an_optional_argument_may_be_missing(args: Mapping[str, object]) -> None:
    """`None` is no Cedar value, so it is left out."""
    assert project(args, RecordOf({}, {"it": "Long"})) == {}


def test_an_optional_argument_is_checked_when_it_is_there() -> None:
    """Optional is no way around the type."""
    with pytest.raises(UnreadableArgumentError, match="'it' is str, not Long"):
        project({"it": "1"}, RecordOf({}, {"it": "Long"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IBAN", RootModel[dict[str, str]]({"IBAN": "X"})),
        ("IBAN", {Part.IBAN: "X"}),
        ("IBAN", Account(IBAN="X")),
        ("number", Account(IBAN="X")),
        ("number", Account.model_validate({"IBAN": "X", "number": "Y"})),
        ("Gr\u00f6\u00dfe", {"Gro\u0308\u00dfe": "X"}),
    ],
    ids=[
        "a root model",
        "an enum",
        "an alias",
        "a field",
        "a field and an extra",
        "a Unicode form",
    ],
)
def test_an_optional_part_is_found_however_it_is_named(name: str, value: object) -> None:
    """A rule about it is not passed by, as it would be if it were not there."""
    assert only(RecordOf({}, {name: "String"}), value) == {name: "X"}


@pytest.mark.parametrize("key", ["__entity", "__extn", "__expr"])
def test_a_key_that_cedar_would_read_as_an_entity_is_refused_at_any_depth(key: str) -> None:
    """No argument can pose as an agent or a tool."""
    with pytest.raises(UnreadableArgumentError, match=key):
        refuse_reserved(plain({"a": [{"b": {key: {"type": "Agent", "id": "billing"}}}]}))


def test_an_error_does_not_show_the_value() -> None:
    """Arguments may be private; their names and types are not."""
    with pytest.raises(UnreadableArgumentError) as caught:
        only("Long", "my private text")
    assert "private" not in str(caught.value)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_cents_are_exact_or_refused(amount: Decimal) -> None:
    """No amount is rounded on its way to a rule."""
    try:
        cents = only("Cents", amount)
    except UnreadableArgumentError:
        return
    assert isinstance(cents, int)
    assert amount == Decimal(cents).scaleb(-2)
