"""Owns who there is: entities, their aliases at the auth methods, and groups of both."""

import uuid
from dataclasses import dataclass, field

from bailiwick.tools.devvault.tokens import iso


def new_id() -> str:
    """Return the id of a new entity, group or alias."""
    return str(uuid.uuid4())


@dataclass(slots=True, kw_only=True)
class Alias:
    """Hold a name at an auth method that stands for an entity or for a group.

    Attributes:
        id: The alias's own id.
        name: The name at the method, such as a role id.
        accessor: The method's mount.
        canonical_id: The entity or the group it stands for.
        custom_metadata: What an operator wrote on it.
    """

    id: str = field(default_factory=new_id)
    name: str
    accessor: str
    canonical_id: str
    custom_metadata: dict[str, str] = field(default_factory=dict[str, str])
    created: float
    updated: float

    def shown(self, mount_path: str, mount_type: str) -> dict[str, object]:
        """Return what a read answers."""
        return {
            "id": self.id,
            "name": self.name,
            "canonical_id": self.canonical_id,
            "mount_accessor": self.accessor,
            "mount_path": mount_path,
            "mount_type": mount_type,
            "metadata": None,
            "custom_metadata": self.custom_metadata or None,
            "merged_from_canonical_ids": None,
            "creation_time": iso(self.created),
            "last_update_time": iso(self.updated),
            "local": False,
            "namespace_id": "root",
        }


@dataclass(slots=True, kw_only=True)
class Entity:
    """Hold one person or program, whichever way it logs in.

    Attributes:
        id: The entity's id.
        name: Its name; unique.
        metadata: What is written on it, for policies and people.
        policies: What its tokens may do besides their own policies.
        disabled: Whether all its tokens are denied.
        merged: The ids of the entities that became part of it.
    """

    id: str = field(default_factory=new_id)
    name: str
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    policies: tuple[str, ...] = ()
    disabled: bool = False
    merged: list[str] = field(default_factory=list[str])
    created: float
    updated: float


@dataclass(slots=True, kw_only=True)
class Group:
    """Hold entities and groups that share policies.

    Attributes:
        id: The group's id.
        name: Its name; unique.
        kind: `internal` where its members are listed here, `external` where its alias says.
        metadata: What is written on it.
        policies: What its members' tokens may do besides their own policies.
        entity_ids: Its entities; None where none were ever named.
        group_ids: Its groups; None where none were ever named.
    """

    id: str = field(default_factory=new_id)
    name: str
    kind: str = "internal"
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    policies: tuple[str, ...] = ()
    entity_ids: list[str] | None = None
    group_ids: list[str] | None = None
    created: float
    updated: float
