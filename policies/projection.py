"""Owns the projection of Python arguments into the values that rules can read."""

import unicodedata
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TypeAlias, cast
from uuid import UUID

from pydantic import BaseModel, RootModel

from bailiwick.policies.canonical import Json, plain_name
from bailiwick.policies.field_names import named_parts
from bailiwick.policies.schemas import RecordOf, Scalar, SetOf, Type

Value: TypeAlias = "bool | int | str | list[Value] | dict[str, Value]"
"""What a rule can read: no floats, no nulls, integers of 64 bits."""

_LONG = range(-(2**63), 2**63)
# Cedar's JSON form reads an object with one of these keys as an entity or an extension value.
_RESERVED = frozenset({"__entity", "__extn", "__expr"})


class UnreadableArgumentError(ValueError):
    """Say that an argument does not have the form that the schema declares.

    Attributes:
        argument: Where it stands, such as `amount` or `lines.price`; empty for all of them.
    """

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"argument {argument!r} {message}")
        self.argument = argument


def project(args: Mapping[str, object], record: RecordOf) -> dict[str, Value]:
    """Return the declared arguments as Cedar values; what is not declared is left out.

    Text and names are put into the form that they have in digests, so that calls of one digest read
    alike; a model's fields are read by their own names and by those that people are shown.

    Raises:
        UnreadableArgumentError: If one is missing or not of the declared type. The message names
            the argument and holds no value.
    """
    return _record("", args, record)


def refuse_reserved(value: Json) -> None:
    """Refuse plain values that Cedar could take for an entity, at any depth.

    Raises:
        UnreadableArgumentError: If an object holds such a key.
    """
    match value:
        case dict():
            if reserved := _RESERVED & value.keys():
                raise UnreadableArgumentError("", f"holds the reserved key {min(reserved)!r}")
            for part in value.values():
                refuse_reserved(part)
        case list():
            for part in value:
                refuse_reserved(part)
        case _:
            pass


def sample(record: RecordOf) -> dict[str, Value]:
    """Return the least value that a record declares."""
    return {name: _sample(kind) for name, kind in record.required.items()}


def _sample(kind: Type) -> Value:
    match kind:
        case "String":
            return ""
        case "Bool":
            return False
        case "Long" | "Cents":
            return 0
        case SetOf():
            return []
        case RecordOf():
            return sample(kind)


def _record(path: str, values: Mapping[str, object], record: RecordOf) -> dict[str, Value]:
    projected: dict[str, Value] = {}
    named = {plain_name(key): value for key, value in values.items()}
    for name, kind in record.required.items():
        at = f"{path}.{name}" if path else name
        if named.get(name) is None:
            raise UnreadableArgumentError(at, "is missing, but the schema requires it")
        projected[name] = _value(at, named[name], kind)
    for name, kind in record.optional.items():
        if named.get(name) is not None:
            projected[name] = _value(f"{path}.{name}" if path else name, named[name], kind)
    return projected


def _value(path: str, value: object, kind: Type) -> Value:
    if isinstance(value, Enum):
        return _value(path, value.value, kind)
    if isinstance(value, RootModel):
        return _value(path, cast("RootModel[object]", value).root, kind)
    match kind, value:
        case SetOf(), list() | tuple() | AbstractSet():
            return _set(path, value, kind)
        case RecordOf(), BaseModel():
            return _record(path, _parts(value), kind)
        case RecordOf(), Mapping():
            return _record(path, value, kind)
        case SetOf() | RecordOf(), _:
            raise _mismatch(path, value, "Set" if isinstance(kind, SetOf) else "record")
        case _:
            return _scalar(path, value, kind)


def _parts(model: BaseModel) -> dict[str, object]:
    # What it does not know may have the name of a field that is read by another: the field counts.
    fields = {name: getattr(model, name) for name in type(model).model_fields}
    return {**named_parts(model), **fields}


def _set(path: str, values: Iterable[object], kind: SetOf) -> list[Value]:
    return [_value(path, value, kind.element) for value in values]


def _scalar(path: str, value: object, kind: Scalar) -> Value:
    match kind, value:
        case "Bool", bool():
            return value
        case "String", str():
            return unicodedata.normalize("NFC", value)
        case "String", datetime() | date() | time():
            return value.isoformat()
        case "String", UUID():
            return str(value)
        case "Cents", Decimal():
            return _cents(path, value)
        case "Long", int() if not isinstance(value, bool):
            return _long(path, value)
        case _:
            raise _mismatch(path, value, kind)


def _cents(path: str, amount: Decimal) -> int:
    sign, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int):
        raise UnreadableArgumentError(path, "is not a finite amount")
    if amount.is_zero():
        return 0
    # Before any arithmetic: 1E+999999999 would not fit into memory as an integer.
    if amount.adjusted() > len(str(_LONG.stop)):
        raise UnreadableArgumentError(path, "is beyond 64 bits")
    spelled = "".join(map(str, digits))
    shortest = spelled.rstrip("0")
    exponent += 2 + len(spelled) - len(shortest)
    if exponent < 0:
        raise UnreadableArgumentError(path, "has more than two decimals")
    cents = int(shortest) * 10**exponent
    return _long(path, -cents if sign else cents)


def _long(path: str, number: int) -> int:
    if number not in _LONG:
        raise UnreadableArgumentError(path, "is beyond 64 bits")
    return number


def _mismatch(path: str, value: object, kind: str) -> UnreadableArgumentError:
    hint = ": declare it as Cents" if kind == "Long" and isinstance(value, Decimal) else ""
    return UnreadableArgumentError(path, f"is {type(value).__name__}, not {kind}{hint}")
