"""Owns what can be known before any call: the arguments of a tool that no rule could ever read."""

from collections.abc import Iterable, Mapping
from typing import Any

from bailiwick.policies.schemas import RecordOf, SetOf, Type


def misfits(record: RecordOf, parameters: Mapping[str, Any]) -> Iterable[str]:
    """Return why calls of a tool would be denied, whatever its arguments are.

    Only what is certain: a value's type can say more than its JSON Schema does.

    Args:
        record: What the policy's schema declares of the arguments.
        parameters: What the tool takes, as JSON Schema without references.
    """
    known = parameters.get("properties", {})
    declared: dict[str, Type] = {**record.required, **record.optional}
    for name in record.required:
        if name not in known and not parameters.get("additionalProperties"):
            takes = ", ".join(known) or "none"
            yield f"argument {name!r}, which the tool has no parameter for (it takes {takes})"
    for name, kind in declared.items():
        types = _types(known.get(name, {}))
        if types and types.isdisjoint(_read_from(kind)):
            takes = " or ".join(sorted(types))
            yield f"argument {name!r} as {_named(kind)}, and the tool takes {takes}"


def _types(parameter: object) -> frozenset[str]:
    """Return what a parameter can be besides null; nothing where that cannot be told."""
    choices = parameter.get("anyOf", [parameter]) if isinstance(parameter, Mapping) else []
    types = [each.get("type") if isinstance(each, Mapping) else None for each in choices]
    named = [each for each in types if isinstance(each, str)]
    return frozenset(named) - {"null"} if len(named) == len(types) else frozenset()


def _read_from(kind: Type) -> frozenset[str]:
    match kind:
        case "String":
            return frozenset({"string"})
        case "Bool":
            return frozenset({"boolean"})
        case "Long":
            # JSON calls a whole number so, too.
            return frozenset({"integer", "number"})
        case "Cents":
            # A `Decimal` may be told to models as a text.
            return frozenset({"number", "string"})
        case SetOf():
            return frozenset({"array"})
        case RecordOf():
            return frozenset({"object"})


def _named(kind: Type) -> str:
    match kind:
        case SetOf():
            return "a Set"
        case RecordOf():
            return "a record"
        case scalar:
            return scalar
