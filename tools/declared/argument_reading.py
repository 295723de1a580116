"""Owns the reading of a call's arguments: they come out the same whenever they are read."""

import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ValidationError

from bailiwick.policies.canonical import Json, canonical, composed, plain
from bailiwick.tools.declared.kinds import kinds

logger = logging.getLogger(__name__)

_UNSETTLED = (
    "the argument {!r} comes out otherwise each time it is read, so nobody could approve it: "
    "a default must not be made anew, and a validator must leave alone what it has made"
)
_UNKEPT = (
    "the argument {!r} is not read back from what it is written down as, so nobody could edit, "
    "undo or retry the call: who wrote the tool must annotate it with a type that is (`dict` for "
    "`Json`, one type in the place of several alike), and give it a default of that type"
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
        ValueError: If they do not fit, pydantic's own error is one; if one has no canonical form;
            if they come out otherwise when they are read again; or if reading them breaks off.
    """
    try:
        return _settled(schema, args, is_wrapped=is_wrapped)
    except (ValueError, GraphBubbleUp):
        raise
    except Exception as error:
        # A validator may raise anything, and of that pydantic takes little: a run would end by it.
        logger.exception("the arguments of %s cannot be read", schema.__name__)
        raise ValueError(f"they cannot be read ({type(error).__name__})") from None


def as_given(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a tool that brings no model: JSON values, as they were given.

    Raises:
        ValueError: If what is shown to people, and kept, would be another value.
    """
    for name, value in args.items():
        if _written(name, value) != composed(value):
            raise ValueError(
                f"the argument {name!r} holds an integer beyond 2**53, which not every reader of "
                "JSON keeps: who wrote the tool must take it as a text"
            )
    return dict(args)


def own_args(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of arguments: a tool may change what it is given, and may be tried again."""
    return deepcopy(dict(args))


def _settled(
    schema: type[BaseModel], args: Mapping[str, Any], *, is_wrapped: bool
) -> dict[str, Any]:
    checked = _read(schema, args)
    written = {name: _written(name, value) for name, value in checked.items()}
    for given in [args, checked] if is_wrapped else [args]:
        again = _read(schema, given)
        for name, value in written.items():
            if plain(again[name]) != value:
                raise ValueError(_UNSETTLED.format(name))
    _check_kept(schema, checked, written)
    return checked


def _written(name: str, value: object) -> Json:
    try:
        written = plain(value)
        _ = canonical(written)
    except (TypeError, ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"the argument {name!r} cannot be written down as JSON: {why}") from None
    return written


def _check_kept(schema: type[BaseModel], checked: dict[str, Any], written: dict[str, Json]) -> None:
    """Refuse arguments of which what is shown to people, and kept, stands for something else."""
    try:
        kept = _read(schema, written)
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        raise ValueError(_UNKEPT.format(place[0] if place else schema.__name__)) from None
    for name, value in checked.items():
        if plain(kept[name]) != written[name]:
            raise ValueError(_UNSETTLED.format(name))
        # Two kinds of value can be written alike: a large integer, and its text.
        if kept[name] != value and kinds(kept[name]) != kinds(value):
            raise ValueError(_UNKEPT.format(name))


def _read(schema: type[BaseModel], args: Mapping[str, Any]) -> dict[str, Any]:
    try:
        checked = schema.model_validate(args)
    except ValidationError:
        # `to: str = None` is often written, and pydantic checks no default: written down as it is,
        # such a None could not be read again.
        given = {name: value for name, value in args.items() if not _is_none(schema, name, value)}
        if len(given) == len(args):
            raise
        checked = schema.model_validate(given)
    return {name: getattr(checked, name) for name in schema.model_fields}


def _is_none(schema: type[BaseModel], name: str, value: object) -> bool:
    field = schema.model_fields.get(name)
    return value is None and field is not None and field.default is None
