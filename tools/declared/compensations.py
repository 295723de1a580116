"""Owns what undoes a call: another tool, and how its arguments follow from the call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from langchain_core.tools import BaseTool

from bailiwick.policies.errors import ScopeError

if TYPE_CHECKING:
    from bailiwick.tools.declared.scoped import ScopedTool

Inverse: TypeAlias = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
"""Builds the arguments of the undoing call from a call's arguments and its result as text."""


@dataclass(frozen=True, slots=True)
class Compensation:
    """State how a call that succeeded is undone: by another call, decided like any.

    Attributes:
        tool: The tool that undoes it.
        args: Builds its arguments.
    """

    tool: "ScopedTool"
    args: Inverse

    @classmethod
    def of(cls, declared: object, name: str) -> "Compensation":
        """Read what a tool declares.

        Args:
            declared: A scoped tool and what builds its arguments, as a pair.
            name: The tool that is undone.

        Raises:
            ScopeError: If it is something else, or could not undo anything.
        """
        match declared:
            case (BaseTool() as tool, args) if callable(args) and hasattr(tool, "effect"):
                undoing = cast("ScopedTool", tool)
            case _:
                raise ScopeError(
                    f"what undoes {name!r} is a scoped tool and a function that builds its "
                    "arguments: declare compensate=(tool, function)"
                )
        if undoing.effect == "read":
            raise ScopeError(f"{undoing.name!r} only reads and cannot undo {name!r}")
        return cls(undoing, cast("Inverse", args))
