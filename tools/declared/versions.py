"""Owns a tool's version: a hash of what it is, the same in every process."""

import hashlib
import inspect
import json
from types import CodeType

from langchain_core.tools import BaseTool

from bailiwick.policies.canonical import Json


def version(described: Json, declared: object) -> str:
    """Return a hash of a tool's description and its source.

    What a function refers to, closures included, is not part of its source.

    Args:
        described: What was declared of it.
        declared: The function, or the tool that was wrapped.
    """
    text = json.dumps([described, _source(declared)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _source(declared: object) -> str:
    if isinstance(declared, BaseTool):
        function = getattr(declared, "func", None) or getattr(declared, "coroutine", None)
        return _source(function or type(declared))
    # What decorates a function runs before it, and is read as it by `inspect`.
    wrapped = getattr(declared, "__wrapped__", None)
    return _own_source(declared) + ("" if wrapped is None else _source(wrapped))


def _own_source(declared: object) -> str:
    code = getattr(declared, "__code__", None)
    try:
        # Only functions, methods and classes get here.
        return inspect.getsource(code or declared)  # type: ignore[arg-type]  # see above
    except (OSError, TypeError):
        # Typed at a prompt or built at run time: the compiled code stands for the source.
        return _code(code) or getattr(declared, "__qualname__", "")


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
