"""Owns what undoes a call: another tool, and how its arguments follow from the call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

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

    def check(self, name: str) -> None:
        """Refuse a tool that could not undo anything.

        Raises:
            ScopeError: If it only reads.
        """
        if self.tool.effect == "read":
            raise ScopeError(f"{self.tool.name!r} only reads and cannot undo {name!r}")
