"""What a reviewer believes to set is set, or refused: at any depth."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypedDict

from bailiwick.policies.answers import ArgsSchema


class Line(BaseModel):
    """Order something."""

    model_config = ConfigDict(frozen=True)
    sku: str
    quantity: int = 1


class Part(BaseModel):
    """Order something by names that are not the fields' own."""

    model_config = ConfigDict(validate_by_name=True)
    sku: str = Field(alias="stock_number")
    size: int = Field(0, validation_alias=AliasChoices("width", AliasPath("sizes", 0)))


class Open(BaseModel):
    """Keep what it does not know."""

    model_config = ConfigDict(extra="allow")
    note: str = ""


class Typed(TypedDict):
    """Hold one thing."""

    sku: str


@dataclass
class Point:
    """Lie somewhere."""

    x: int
    y: int = 0


class Order(BaseModel):
    """Hold whatever can hold something."""

    line: Line | None = None
    lines: list[Line] = []
    unordered: set[Line] = set()
    by_name: dict[str, Line] = {}
    root: RootModel[list[Line]] | None = None
    part: Part | None = None
    open: Open | None = None
    typed: Typed | None = None
    point: Point | None = None
    anything: Any = None


ORDER = ArgsSchema.of(Order)
WRONG = {"sku": "A", "qantity": 50}


@pytest.mark.parametrize(
    ("args", "where"),
    [
        ({"line": WRONG}, "line.qantity"),
        ({"lines": [{"sku": "A"}, WRONG]}, "lines.qantity"),
        ({"unordered": [{"sku": "A"}, WRONG]}, "unordered.qantity"),
        ({"by_name": {"first": WRONG}}, "by_name.first.qantity"),
        ({"root": [WRONG]}, "root.qantity"),
        ({"part": {"stock_number": "A", "seize": 3}}, "part.seize"),
        ({"typed": WRONG}, "typed.qantity"),
        ({"point": {"x": 1, "z": 2}}, "point.z"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nothing_is_read_from_is_refused(args: dict[str, Any], where: str) -> None:
    """Who mistyped a name would see a default run instead."""
    with pytest.raises(ValueError, match=f"reads nothing from '{where}': leave it out"):
        ORDER.check(args)


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"line": {"sku": "A", "quantity": 50}, "lines": [{"sku": "A"}, {"sku": "B"}]},
        {"unordered": [{"sku": "A"}, {"sku": "A"}], "by_name": {"e\u0301": {"sku": "A"}}},
        {"part": {"stock_number": "A", "width": 3}},
        {"part": {"sku": "A", "sizes": [3, 4]}},
        {"open": {"note": "x", "more": {"deep": 1}}},
        {"anything": {"deep": [{"x": 1}]}, "point": {"x": 1, "y": 2}, "typed": {"sku": "A"}},
    ],
    ids=["nothing", "models", "a set", "aliases", "names", "extra", "anything"],
)
def test_what_is_read_or_kept_may_be_given(args: dict[str, Any]) -> None:
    """By each name that a field has."""
    ORDER.check(args)
