"""Owns the step of a plan: what is there, what shall be, and what makes it so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from bailiwick.tools.provision.operator import VaultOperator

Read: TypeAlias = Callable[[str], Mapping[str, object] | None]
"""Returns the fields of what stands at an API path, or None."""

Action = Literal["create", "change", "keep", "remove"]
Kind = Literal[
    "auth method",
    "secrets engine",
    "key",
    "policy",
    "token role",
    "AppRole",
    "JWT role",
    "Kubernetes role",
    "entity",
    "alias",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Say how one field differs.

    Attributes:
        field: Its name in Vault.
        before: What stands there; `None` where nothing does.
        after: What shall stand there; `None` where nothing shall.
    """

    field: str
    before: object
    after: object


def _nothing(_: VaultOperator) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Say what becomes of one thing in Vault.

    Attributes:
        action: What is done.
        kind: What kind of thing it is.
        name: Its name in Vault.
        changes: What differs.
        notes: What the operator should know of it, such as what is left stricter than declared.
        run: Does it.
    """

    action: Action
    kind: Kind
    name: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    run: Callable[[VaultOperator], object] = field(default=_nothing, repr=False, compare=False)

    @property
    def shown(self) -> Mapping[str, object]:
        """The step as plain values."""
        changes = [{"field": c.field, "before": c.before, "after": c.after} for c in self.changes]
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "changes": changes,
            "notes": list(self.notes),
        }


class Resource(Protocol):
    """Be one thing that shall stand in Vault."""

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it; nothing is written yet.

        Args:
            read: Reads what is there.
            loosen: Whether to write over what is stricter than declared.

        Raises:
            VaultError: If Vault refuses, is not there, or holds what stands in the way.
        """
        ...
