"""Whether a tool fits what the schema declares of it is told before any call, or not at all."""

from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import create_model

from bailiwick.policies.answers import ArgsSchema
from bailiwick.policies.misfits import misfits
from bailiwick.policies.projection import project
from bailiwick.policies.schemas import RecordOf, SetOf, Type

Number = IntEnum("Number", ["one"])


@pytest.mark.parametrize(
    ("annotation", "value", "kind"),
    [
        (str, "a", "String"),
        (str | None, "a", "String"),
        (date, date(2030, 1, 1), "String"),
        (UUID, UUID(int=1), "String"),
        (Literal["a", 1], 1, "Long"),
        (int, 1, "Long"),
        (int | str, 1, "Long"),
        (Number, Number.one, "Long"),
        (bool, True, "Bool"),
        (Decimal, Decimal(1), "Cents"),
        (Decimal | None, Decimal(1), "Cents"),
        (set[str], {"a"}, SetOf("String")),
        (tuple[int, ...], (1,), SetOf("Long")),
        (dict[str, int], {}, RecordOf({}, {})),
        (Any, 1, "Long"),
    ],
)
def test_what_rules_can_read_is_no_misfit(annotation: Any, value: object, kind: Type) -> None:  # noqa: ANN401 - any type
    """A warning that is wrong would be believed once."""
    record = RecordOf({"x": kind}, {})
    schema = ArgsSchema.of(create_model("Args", x=(annotation, ...)))
    assert project({"x": value}, record)
    assert list(misfits(record, schema.json_schema)) == []


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (int, "String"),
        (str | None, "Long"),
        (int, "Cents"),
        (str, "Bool"),
        (str, SetOf("String")),
        (list[str], RecordOf({}, {})),
    ],
)
@pytest.mark.parametrize("is_required", [True, False])
def test_what_no_rule_can_read_is_told(annotation: Any, kind: Type, *, is_required: bool) -> None:  # noqa: ANN401 - as above
    """With what the tool takes instead."""
    record = RecordOf({"x": kind}, {}) if is_required else RecordOf({}, {"x": kind})
    schema = ArgsSchema.of(create_model("Args", x=(annotation, ...)))
    (told,) = misfits(record, schema.json_schema)
    assert told.startswith("argument 'x' as ")


@pytest.mark.parametrize(
    "parameter", [True, {}, {"type": ["integer", "null"]}, {"anyOf": [True, {"type": "integer"}]}]
)
def test_a_schema_that_tells_nothing_certain_is_no_misfit(parameter: object) -> None:
    """Tools of others bring their own, in every form that JSON Schema allows."""
    record = RecordOf({"x": "String"}, {})
    assert list(misfits(record, {"properties": {"x": parameter}})) == []


@pytest.mark.parametrize("more", [{}, {"additionalProperties": True}])
def test_what_is_required_needs_a_parameter(more: dict[str, Any]) -> None:
    """Unless the tool takes whatever it is given; what is optional need not be there."""
    record = RecordOf({"x": "String"}, {"y": "String"})
    told = list(misfits(record, {"properties": {}, **more}))
    assert len(told) == (0 if more else 1)
