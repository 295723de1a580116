"""Owns the reading of a call's arguments: they come out the same whenever they are read."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ValidationError

from bailiwick.policies.canonical import plain_record

_UNSETTLED = (
    "they come out otherwise each time they are read, so nobody could approve them: a default must "
    "not be made anew, and a validator must leave alone what it has made"
)


def read_args(
    schema: type[BaseModel], args: Mapping[str, Any], *, is_wrapped: bool
) -> dict[str, Any]:
    """Return the arguments by their names: checked, converted, complete.

    Args:
        schema: The tool's arguments.
        args: What the model, a reviewer or a record gives.
        is_wrapped: Whether the tool is another's, which reads what it is given by its own schema.

    Raises:
        ValueError: If they do not fit, pydantic's own error is one; or if they come out otherwise
            when they are read again.
        TypeError: If one has no canonical form.
    """
    checked = _read(schema, args)
    written = plain_record(checked)
    for again in [args, checked] if is_wrapped else [args]:
        if plain_record(_read(schema, again)) != written:
            raise ValueError(_UNSETTLED)
    if not _is_kept(schema, written):
        raise ValueError(_UNSETTLED)
    return checked


def own_args(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of arguments: a tool may change what it is given, and may be tried again."""
    return deepcopy(dict(args))


def _is_kept(schema: type[BaseModel], written: dict[str, Any]) -> bool:
    """Tell whether what is shown to people, and kept, stands for the same arguments."""
    try:
        return plain_record(_read(schema, written)) == written
    except ValidationError:
        # A strict schema takes no text for a number: it reads this as nothing else, either.
        return True


def _read(schema: type[BaseModel], args: Mapping[str, Any]) -> dict[str, Any]:
    checked = schema.model_validate(args)
    return {name: getattr(checked, name) for name in schema.model_fields}
