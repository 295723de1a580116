"""Owns the memory of the identity engine: who there is, and what follows for their tokens."""

import secrets
from collections.abc import Callable, Iterable

from bailiwick.tools.devvault.identity.people import Alias, Entity, Group
from bailiwick.tools.devvault.mounts import Mount, MountTable
from bailiwick.tools.devvault.refusals import denied, invalid
from bailiwick.tools.devvault.templates import AliasFacts, EntityFacts


class IdentityStore:
    """Hold entities, groups and aliases, and answer what they mean for a token.

    Args:
        clock: Gives the Unix time.
        mounts: Knows the mounts by their accessors.

    Attributes:
        version: Counts the changes, for caches.
        entities: The entities by id.
        groups: The groups by id.
        entity_aliases: The entities' aliases by id.
        group_aliases: The groups' aliases by id.
    """

    def __init__(self, clock: Callable[[], float], mounts: MountTable) -> None:
        self._clock = clock
        self._mounts = mounts
        self._policies: dict[str, tuple[str, ...]] = {}
        self.version = 0
        self.entities: dict[str, Entity] = {}
        self.groups: dict[str, Group] = {}
        self.entity_aliases: dict[str, Alias] = {}
        self.group_aliases: dict[str, Alias] = {}

    def now(self) -> float:
        """Return the Unix time."""
        return self._clock()

    def changed(self) -> None:
        """Forget what was worked out: somebody wrote something."""
        self.version += 1
        self._policies.clear()

    def mount(self, accessor: str) -> Mount:
        """Return the mount with an accessor.

        Raises:
            Refusal: With status 400, if there is none.
        """
        found = self._mounts.find_accessor(accessor)
        if found is None:
            raise invalid(f"invalid mount accessor {accessor!r}")
        return found

    def shown(self, alias: Alias) -> dict[str, object]:
        """Return what a read of an alias answers."""
        mount = self._mounts.find_accessor(alias.accessor)
        return alias.shown(mount.path if mount else "", mount.kind if mount else "")

    def new_entity(self, name: str = "") -> Entity:
        """Add an entity; without a name it gets one."""
        now = self._clock()
        entity = Entity(name=name or f"entity_{secrets.token_hex(4)}", created=now, updated=now)
        self.entities[entity.id] = entity
        self.changed()
        return entity

    def entity(self, entity_id: str) -> Entity | None:
        """Return the entity with an id, also where it became part of another since, or None."""
        found = self.entities.get(entity_id)
        if found is not None or not entity_id:
            return found
        return next((e for e in self.entities.values() if entity_id in e.merged), None)

    def entity_named(self, name: str) -> Entity | None:
        """Return the entity with a name, or None."""
        return next((e for e in self.entities.values() if e.name.lower() == name.lower()), None)

    def group_named(self, name: str) -> Group | None:
        """Return the group with a name, or None."""
        return next((g for g in self.groups.values() if g.name.lower() == name.lower()), None)

    def aliases_of(self, entity_id: str) -> list[Alias]:
        """Return an entity's aliases."""
        return [a for a in self.entity_aliases.values() if a.canonical_id == entity_id]

    def alias_of(self, group_id: str) -> Alias | None:
        """Return a group's alias, or None."""
        return next((a for a in self.group_aliases.values() if a.canonical_id == group_id), None)

    def drop_entity(self, entity: Entity) -> None:
        """Forget an entity, its aliases and its memberships."""
        self.entities.pop(entity.id, None)
        for alias in self.aliases_of(entity.id):
            del self.entity_aliases[alias.id]
        for group in self.groups.values():
            if group.entity_ids and entity.id in group.entity_ids:
                group.entity_ids.remove(entity.id)
        self.changed()

    def drop_group(self, group: Group) -> None:
        """Forget a group, its alias and its memberships."""
        self.groups.pop(group.id, None)
        alias = self.alias_of(group.id)
        if alias is not None:
            del self.group_aliases[alias.id]
        for other in self.groups.values():
            if other.group_ids and group.id in other.group_ids:
                other.group_ids.remove(group.id)
        self.changed()

    def groups_of(self, entity_id: str) -> tuple[list[Group], list[Group]]:
        """Return the groups that name an entity, and those that contain one of these groups."""
        direct = [g for g in self.groups.values() if entity_id in (g.entity_ids or ())]
        found, inherited = list(direct), list[Group]()
        while found:
            child = found.pop()
            parents = (g for g in self.groups.values() if child.id in (g.group_ids or ()))
            new = [group for group in parents if group not in direct and group not in inherited]
            inherited += new
            found += new
        return direct, inherited

    def of_login(self, mount: Mount, alias_name: str) -> str:
        """Return the id of the entity with an alias, made where there is none.

        Raises:
            Refusal: With status 403, if the entity is disabled.
        """
        alias = find_alias(self.entity_aliases.values(), mount.accessor, alias_name)
        if alias is None:
            entity = self.new_entity()
            self.add_alias(self.entity_aliases, mount.accessor, alias_name, entity.id)
            return entity.id
        if self.is_disabled(alias.canonical_id):
            raise denied()
        return alias.canonical_id

    def add_alias(
        self, aliases: dict[str, Alias], accessor: str, name: str, canonical_id: str
    ) -> Alias:
        """Add an alias of an entity or a group."""
        now = self._clock()
        alias = Alias(
            name=name, accessor=accessor, canonical_id=canonical_id, created=now, updated=now
        )
        aliases[alias.id] = alias
        self.changed()
        return alias

    def is_disabled(self, entity_id: str) -> bool:
        """Tell whether an entity's tokens are denied."""
        entity = self.entity(entity_id)
        return entity is not None and entity.disabled

    def policies(self, entity_id: str) -> tuple[str, ...]:
        """Return the policies of an entity and of all its groups."""
        known = self._policies.get(entity_id)
        if known is None:
            entity = self.entity(entity_id)
            direct, inherited = self.groups_of(entity.id if entity else entity_id)
            names = set(entity.policies) if entity else set[str]()
            names.update(name for group in (*direct, *inherited) for name in group.policies)
            known = self._policies[entity_id] = tuple(sorted(names))
        return known

    def facts(self, entity_id: str) -> EntityFacts | None:
        """Return what policies may name of an entity, or None."""
        entity = self.entity(entity_id)
        if entity is None:
            return None
        direct, inherited = self.groups_of(entity.id)
        return EntityFacts(
            id=entity.id,
            name=entity.name,
            metadata=entity.metadata,
            aliases={
                alias.accessor: AliasFacts(
                    id=alias.id,
                    name=alias.name,
                    metadata={},
                    custom_metadata=alias.custom_metadata,
                )
                for alias in self.aliases_of(entity.id)
            },
            group_names={group.id: group.name for group in (*direct, *inherited)},
        )


def find_alias(aliases: Iterable[Alias], accessor: str, name: str) -> Alias | None:
    """Return the alias with a name at a mount, or None."""
    return next((a for a in aliases if a.accessor == accessor and a.name == name), None)
