"""Owns what is read off a function or a tool when it is declared a scoped one."""

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from langchain_core.tools import BaseTool

from bailiwick.policies.calls import Effect
from bailiwick.policies.canonical import Json
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.signatures import (
    IDEMPOTENCY_KEY,
    arguments,
    arguments_of_tool,
    credential_parameter,
    refuse_generator,
    refuse_odd,
    takes_idempotency_key,
    type_hints,
)
from bailiwick.tools.declared.versions import functions_of, version

_NO_DOCSTRINGS = 2
"""The level of optimization from which on Python keeps none."""


def fields_of(
    declared: Callable[..., Any] | BaseTool, name: str | None, scope: Scope | None
) -> dict[str, Any]:
    """Return a scoped tool's fields as a function's signature, or another tool, gives them.

    Raises:
        ScopeError: If that cannot be scoped, or does not agree with the declaration.
    """
    if isinstance(declared, BaseTool):
        return _fields_of_tool(declared, name, scope)
    return _fields_of_function(declared, name, scope)


def _fields_of_function(
    function: Callable[..., Any], name: str | None, scope: Scope | None
) -> dict[str, Any]:
    refuse_odd(function)
    name = name or function.__name__
    hints = type_hints(function, name)
    parameter = credential_parameter(hints, name)
    if (parameter is None) != (scope is None):
        raise ScopeError(
            f"{name!r} must have a parameter annotated `Credential` exactly where it declares "
            "credential=...: add the one or the other"
        )
    if not (description := inspect.getdoc(function)):
        raise ScopeError(f"{name!r} needs a docstring{_about_docstrings()}")
    return {
        "name": name,
        "description": description,
        "args_schema": arguments(function, hints, name, hidden={parameter, IDEMPOTENCY_KEY}),
        "credential_parameter": parameter,
        "takes_key": takes_idempotency_key(hints, name),
    }


def _fields_of_tool(tool: BaseTool, name: str | None, scope: Scope | None) -> dict[str, Any]:
    if scope is not None:
        raise ScopeError(
            f"{tool.name!r} has no place for a credential: write a function with a `Credential` "
            "parameter that uses it, and scope that"
        )
    kind = type(tool)
    for code in (*functions_of(tool), kind._run, kind._arun):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - LangChain's hooks
        refuse_generator(code)
    return {
        "name": name or tool.name,
        "description": tool.description,
        "args_schema": arguments_of_tool(tool),
        "response_format": tool.response_format,
        "return_direct": tool.return_direct,
        "tags": tool.tags,
        "metadata": tool.metadata,
        "extras": tool.extras,
    }


def check_words(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse a declaration that says something by a name that means nothing.

    Raises:
        ScopeError: If it does.
    """
    for word in sorted({*given} - {*known}):
        close = get_close_matches(word, known, n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known)}"
        raise ScopeError(f"scoped_tool takes no {word!r}: {meant}")


def check_effect(declared: object, effect: object) -> None:
    """Refuse a declaration that does not say what its tool does to the world.

    Raises:
        ScopeError: If it says nothing, or something else.
    """
    if effect not in get_args(Effect):
        name = getattr(declared, "name", None) or getattr(declared, "__name__", declared)
        raise ScopeError(
            f"{name!r} must say what it does to the world: declare it with "
            "scoped_tool(effect=...), which is 'read', 'write' or 'destructive'"
        )


def check_idempotence(name: str, effect: Effect, *, claimed: bool) -> None:
    """Refuse the claim of a tool that could make up for nothing.

    Raises:
        ScopeError: If it destroys.
    """
    if claimed and effect == "destructive":
        raise ScopeError(
            f"{name!r} destroys and says it is idempotent: what cannot be undone is never "
            "tried again by itself; leave `idempotent` out, or call it a write"
        )


def scope_of(credential: str | Scope | None, ttl: int | None, mount: str | None) -> Scope | None:
    """Return what a tool may lease, as its declaration says it: in short, or by a scope.

    Raises:
        ScopeError: If it says the same in two places, or what no scope can say.
    """
    if isinstance(credential, str):
        return Scope(path=credential, ttl=60 if ttl is None else ttl, mount=mount or "")
    if ttl is not None or mount is not None:
        raise ScopeError("ttl and mount go with a secret's path: let the scope itself say them")
    return credential


def _about_docstrings() -> str:
    if sys.flags.optimize >= _NO_DOCSTRINGS:
        return ", and -OO (or PYTHONOPTIMIZE=2) takes docstrings away: run Python without it"
    return ": it is what the model knows of the tool"


def version_of(fields: Mapping[str, Any], declared: object, *claims: Json) -> str:
    """Return a tool's version: a hash of what it is and of what its author claims of it."""
    schema = fields["args_schema"]
    taken = schema if isinstance(schema, dict) else schema.model_json_schema()
    return version([fields["name"], fields["description"], taken, *claims], declared)


def has_sync_form(function: Callable[..., Any] | BaseTool) -> bool:
    """Tell whether a function or a tool can be called without an event loop."""
    if isinstance(function, BaseTool):
        return getattr(function, "func", function) is not None
    return not inspect.iscoroutinefunction(function)


def has_async_form(function: Callable[..., Any] | BaseTool) -> bool:
    """Tell whether a function or a tool can be awaited; LangChain's own way is a thread."""
    if not isinstance(function, BaseTool):
        return inspect.iscoroutinefunction(function)
    inherited = type(function)._arun is BaseTool._arun  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - LangChain's hook
    return not inherited and getattr(function, "coroutine", function) is not None
