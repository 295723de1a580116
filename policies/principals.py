"""Owns who acts: people and services, and the roles they were authenticated with."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Name an authenticated person or service.

    A principal comes from the host (the operating system, LangGraph Server's authentication, the
    application that embeds the graph), never from a message, the graph's state or its config.

    Attributes:
        id: The identity, unique among all who use one ledger.
        roles: What the person may answer for, such as `manager`.
    """

    id: str
    roles: frozenset[str] = field(default_factory=frozenset)
