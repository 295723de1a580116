"""Owns how agents work together: the supervisor, hand-offs, state, and the deployable graphs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bailiwick.graphs.handoff import create_forward_message_tool, create_handoff_tool
    from bailiwick.graphs.supervisor import create_supervisor

__all__ = ["create_forward_message_tool", "create_handoff_tool", "create_supervisor"]

_HOMES = {
    "create_forward_message_tool": "bailiwick.graphs.handoff",
    "create_handoff_tool": "bailiwick.graphs.handoff",
    "create_supervisor": "bailiwick.graphs.supervisor",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    # Late, because the command line imports this package for its help text, too, and LangGraph's
    # graphs take the better part of a second to import.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
