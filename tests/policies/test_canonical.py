"""What the canonical form of a value promises."""

import json
import unicodedata
from collections import UserDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from uuid import UUID

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
)

from bailiwick.policies.canonical import MAX_SAFE_INTEGER, Json, canonical, digest, plain

numbers = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(
    allow_nan=False, allow_infinity=False, places=40
)


class Colour(Enum):
    """Name something by a value."""

    RED = "red"


class Line(BaseModel):
    """Hold an amount."""

    amount: Decimal


class Named(BaseModel):
    """Hold a number by another name."""

    quantity: int = Field(alias="qty")


@dataclass
class Point:
    """Lie somewhere."""

    x: Decimal
    at: float


def test_the_empty_object_is_two_bytes() -> None:
    """Nothing is spelled as JSON spells it."""
    assert canonical(plain({})) == b"{}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
        (MAX_SAFE_INTEGER + 1, "9007199254740992"),
        (-(10**30) - 1, "-1000000000000000000000000000001"),
        (0.1, 0.1),
        (1.0, 1),
        (-0.0, 0),
        (-2.5e-7, -2.5e-7),
        (float(MAX_SAFE_INTEGER), MAX_SAFE_INTEGER),
        (2.0**53, 2.0**53),
        (Decimal("40.00"), "40"),
        (Decimal("4E+1"), "40"),
        (Decimal("-0.00"), "0"),
        (Decimal("-0.50"), "-0.5"),
        (Decimal("NaN"), "NaN"),
        (Decimal("1E+999999"), "1E+999999"),
        ("e\u0301", "\u00e9"),
        (Colour.RED, "red"),
        (Line(amount=Decimal("1.50")), {"amount": "1.5"}),
        (UserDict({"a": (1, 2)}), {"a": [1, 2]}),
        pytest.param({"b", "a"}, ["a", "b"], id="a set"),
        (b"\x01\xff", "01ff"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({Colour.RED: 1, 2.0: 2}, {"red": 1, "2": 2}),
        (Named(qty=3), {"qty": 3}),
        pytest.param(RootModel[list[Decimal]]([Decimal("1.50")]), ["1.5"], id="a root model"),
        (Point(x=Decimal("1.50"), at=0.5), {"x": "1.5", "at": 0.5}),
        (PurePosixPath("/tmp"), "/tmp"),  # noqa: S108 - nothing is written there
        (timedelta(minutes=5), "PT5M"),
        (IPv4Address("10.0.0.1"), "10.0.0.1"),
        (HttpUrl("https://a.b"), "https://a.b/"),
    ],
    ids=repr,
)
def test_each_kind_of_value_has_one_plain_form(value: object, expected: Json) -> None:
    """A value means the same wherever its plain form is read."""
    assert (plain(value), type(plain(value))) == (expected, type(expected))


def test_a_value_without_plain_form_is_refused() -> None:
    """What cannot be written down cannot be approved."""
    with pytest.raises(TypeError, match="'object' has no canonical form"):
        plain({"a": [object()]})


@pytest.mark.parametrize(
    "value",
    [SecretStr("s3cret"), SecretBytes(b"s3cret"), Secret(7), iter([1])],
    ids=lambda value: type(value).__name__,
)
def test_what_pydantic_writes_in_part_is_refused(value: object) -> None:
    """Stars stand for every secret, and an iterator would be used up."""
    with pytest.raises(TypeError, match="has no canonical form"):
        plain({"a": [value]})


def test_what_hides_behind_a_field_is_refused() -> None:
    """An unknown key with the name that a field is read by could stand for either."""

    class Open(Named):
        model_config = ConfigDict(extra="allow")

    model = Open(qty=3)
    assert model.model_extra is not None
    model.model_extra["qty"] = 9
    with pytest.raises(ValueError, match="holds 'qty' twice"):
        plain(model)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_a_float_that_is_not_finite_is_refused(number: float) -> None:
    """JSON has no such number, and no limit would hold it."""
    with pytest.raises(ValueError, match="give a finite one"):
        plain({"a": [number]})


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False),
)
@example(1.0, 1)
@example(0.1, 0.1 + 2**-56)
def test_numbers_share_a_digest_exactly_when_they_are_equal(one: float, other: float) -> None:
    """`1` and `1.0` are one number to JSON, and no digit is rounded away."""
    assert (digest(plain(one)) == digest(plain(other))) == (one == other)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False))
def test_a_number_and_its_text_have_two_digests(number: float | Decimal) -> None:
    """Nobody who approved `1.5` has approved `"1.5"`; amounts alone are both."""
    is_money = isinstance(number, Decimal)
    text = plain(number) if is_money else json.dumps(plain(number))
    assert (digest(plain(number)) == digest(text)) == is_money


@pytest.mark.parametrize(
    "keys",
    [(1, "1"), ("e\u0301", "\u00e9")],
    ids=["type", "unicode form"],
)
def test_two_keys_with_one_plain_form_are_refused(keys: tuple[object, object]) -> None:
    """No value hides behind another: the digest would not cover it."""
    with pytest.raises(ValueError, match="two keys"):
        plain({keys[0]: "seen", keys[1]: "hidden"})


@given(numbers, numbers)
def test_decimals_share_a_digest_exactly_when_they_are_equal(one: Decimal, other: Decimal) -> None:
    """Spelling changes nothing, and no digit is rounded away."""
    assert (digest(plain(one)) == digest(plain(other))) == (one == other)


@given(numbers, st.integers(min_value=0, max_value=50))
def test_trailing_zeros_do_not_change_a_digest(number: Decimal, zeros: int) -> None:
    """`40`, `40.0` and `40.00` are one amount."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    longer = Decimal((sign, (*digits, *[0] * zeros), exponent - zeros))
    assert digest(plain(longer)) == digest(plain(number))


@given(st.integers(min_value=28, max_value=200))
def test_the_last_digit_of_a_long_decimal_counts(length: int) -> None:
    """The arithmetic context's precision has no part in a digest."""
    assert plain(Decimal("1." + "0" * length + "1")) != plain(Decimal(1))


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=5))
def test_key_order_does_not_change_a_digest(record: dict[str, object]) -> None:
    """Two mappings that are equal have one digest."""
    normal = {unicodedata.normalize("NFC", key): value for key, value in record.items()}
    turned = dict(reversed(normal.items()))
    assert _digest_or_error(normal) == _digest_or_error(turned)


_plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_plain)
@example({"\U00010000": 1, "\ue000": 2})
@example({"\x7f": '\x00\x1f\b\t\n\f\r"\\/'})
@example("\ud800")
@example([1.0, -0.0, 1e-7, 2.5e-5, 1e16, 1e21, 9007199254740992.0, "1.0]", 5e-324])
def test_the_canonical_form_is_that_of_rfc_8785(value: Json) -> None:
    """Byte for byte what its own implementation writes, or refused as there."""
    try:
        expected = rfc8785.dumps(value)
    except ValueError:
        with pytest.raises(ValueError, match="non-UTF-8"):
            canonical(value)
    else:
        assert canonical(value) == expected


@given(st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False)))
@example({"": 1e20})
@example({"\u00e9": 1.2345678901234567e20})
def test_what_was_read_from_canonical_json_is_written_as_it_stood(value: dict[str, Json]) -> None:
    """An export is checked so; Python reads large floats as integers."""
    with suppress(ValueError):
        text = canonical(plain(value))
        assert canonical(json.loads(text)) == text


def _digest_or_error(value: object) -> str:
    # A lone surrogate has no UTF-8 form, so no digest: the same for both orders.
    try:
        return digest(plain(value))
    except ValueError as error:
        return type(error).__name__
