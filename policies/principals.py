"""Owns who acts: people and services, and the roles they were authenticated with."""

import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Name an authenticated person or service.

    A principal comes from the host (the operating system, LangGraph Server's authentication, the
    application that embeds the graph), never from a message, the graph's state or its config.

    Attributes:
        id: The identity, unique among all who use one ledger; in Unicode's form NFC, so that one
            name is one person however it was typed.
        roles: What the person may answer for, such as `manager`.

    Raises:
        ValueError: If the identity is empty.
        TypeError: If the roles are one text: parts of it would be taken for roles.
    """

    id: str
    roles: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Put the identity into one form."""
        if not self.id:
            raise ValueError("a principal without an id is nobody: name who was authenticated")
        # Hosts need not have their types checked.
        given: object = self.roles
        if isinstance(given, str):
            raise TypeError(f"the roles of {self.id!r} are a text: give a set, even of one role")
        object.__setattr__(self, "id", unicodedata.normalize("NFC", self.id))
        object.__setattr__(self, "roles", frozenset(self.roles))
