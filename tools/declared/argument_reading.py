"""Owns the reading of a call's arguments: they come out the same whenever they are read."""

import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ValidationError

from bailiwick.policies.canonical import Json, canonical, composed, plain, plain_record

logger = logging.getLogger(__name__)

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
    for again in [args, checked] if is_wrapped else [args]:
        if plain_record(_read(schema, again)) != written:
            raise ValueError(_UNSETTLED)
    if not _is_kept(schema, written):
        raise ValueError(_UNSETTLED)
    return checked


def _written(name: str, value: object) -> Json:
    try:
        written = plain(value)
        _ = canonical(written)
    except (TypeError, ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"the argument {name!r} cannot be written down as JSON: {why}") from None
    return written


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
