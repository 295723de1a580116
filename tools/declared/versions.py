"""Owns a tool's version: a hash of what it is, the same in every process."""

import hashlib
import inspect
import json
from types import CodeType, FunctionType
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, Tool

from bailiwick.policies.canonical import Json

_LIBRARY = frozenset((*Tool.__mro__, *StructuredTool.__mro__))
"""LangChain's own classes of tools, and theirs in turn: what they do is no tool's own."""


def version(described: Json, declared: object) -> str:
    """Return a hash of a tool's description and its source.

    What a function refers to, closures included, is not part of its source.

    Args:
        described: What was declared of it.
        declared: The function, or the tool that was wrapped.
    """
    text = json.dumps([described, _source(declared)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def functions_of(tool: BaseTool) -> list[object]:
    """Return the functions that a tool runs, whose class may be LangChain's own."""
    named = (getattr(tool, name, None) for name in ("func", "coroutine"))
    return [function for function in named if function is not None]


def _source(declared: object) -> str:
    if isinstance(declared, BaseTool):
        classes = (each for each in type(declared).__mro__ if each not in _LIBRARY)
        return "".join(map(_source, (*functions_of(declared), *classes)))
    wrapped = getattr(declared, "__wrapped__", None)
    if wrapped is None:
        return _own_source(declared)
    return _decorating_source(declared) + _source(wrapped)


def _decorating_source(declared: Any) -> str:  # noqa: ANN401 - whatever wraps a function
    """Return the source of what runs in a function's place; `inspect` would read the function."""
    if not hasattr(declared, "__code__"):
        # A cache, for one, which is compiled.
        return type(declared).__qualname__
    bare = FunctionType(declared.__code__, declared.__globals__, closure=declared.__closure__)
    return _own_source(bare)


def _own_source(declared: object) -> str:
    try:
        # Only functions, methods and classes get here.
        return inspect.getsource(declared)  # type: ignore[arg-type]  # see above
    except (OSError, TypeError):
        # Typed at a prompt or built at run time: the compiled code stands for the source.
        if isinstance(declared, type):
            methods = filter(inspect.isfunction, vars(declared).values())
            return " ".join([declared.__qualname__, *map(_source, methods)])
        return _code(getattr(declared, "__code__", None)) or getattr(declared, "__qualname__", "")


def _code(constant: object) -> str:
    match constant:
        case None:
            return ""
        case CodeType():
            inner = map(_code, constant.co_consts)
            return " ".join([constant.co_code.hex(), *constant.co_names, *inner])
        case frozenset():
            # Its order differs from process to process.
            return " ".join(sorted(map(_code, constant)))
        case tuple():
            return " ".join(map(_code, constant))
        case _:
            return repr(constant)
