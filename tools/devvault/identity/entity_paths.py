"""Owns the paths of the entities."""

from collections.abc import Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.identity.people import Entity
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.refusals import existing, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import iso


class EntityPaths:
    """Answer `identity/entity`."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `identity/`."""
        return (
            Route(pattern=r"entity", update=self._write),
            Route(pattern=r"entity/id/?", list=self._list),
            Route(pattern=r"entity/name/?", list=self._list_names),
            Route(pattern=r"entity/merge/?", update=self._merge),
            Route(pattern=r"entity/batch-delete", update=self._delete_many),
            Route(
                pattern=r"entity/(?:id/(?P<id>[^/]+)|name/(?P<name>.+))",
                read=self._read,
                update=self._write,
                delete=self._delete,
            ),
        )

    def shown(self, entity: Entity) -> dict[str, object]:
        """Return what a read answers."""
        direct, inherited = self._store.groups_of(entity.id)
        return {
            "id": entity.id,
            "name": entity.name,
            "metadata": entity.metadata or None,
            "policies": list(entity.policies),
            "disabled": entity.disabled,
            "aliases": [self._store.shown(alias) for alias in self._store.aliases_of(entity.id)],
            "direct_group_ids": [group.id for group in direct],
            "inherited_group_ids": [group.id for group in inherited],
            "group_ids": [group.id for group in (*direct, *inherited)],
            "merged_entity_ids": entity.merged or None,
            "creation_time": iso(entity.created),
            "last_update_time": iso(entity.updated),
            "namespace_id": "root",
        }

    def _find(self, request: Request) -> Entity | None:
        if request.params.get("name"):
            return self._store.entity_named(request.params["name"])
        return self._store.entities.get(request.params["id"])

    def _read(self, request: Request) -> Answer:
        return Answer(data=self.shown(existing(self._find(request))))

    def _delete(self, request: Request) -> Answer:
        entity = self._find(request)
        if entity is not None:
            self._store.drop_entity(entity)
        return EMPTY

    def _delete_many(self, request: Request) -> Answer:
        for entity_id in request.body.strings("entity_ids"):
            entity = self._store.entities.get(entity_id)
            if entity is not None:
                self._store.drop_entity(entity)
        return EMPTY

    def _list(self, _: Request) -> Answer:
        found = self._store.entities
        return keys(sorted(found), key_info={e.id: {"name": e.name} for e in found.values()})

    def _list_names(self, _: Request) -> Answer:
        return keys(sorted(entity.name for entity in self._store.entities.values()))

    def _write(self, request: Request) -> Answer:
        body, store = request.body, self._store
        entity_id = request.params.get("id") or body.text("id")
        name = request.params.get("name") or body.text("name")
        entity = store.entities.get(entity_id) if entity_id else None
        if entity_id and entity is None:
            raise invalid("entity not found from id")
        named = store.entity_named(name) if name else None
        if entity is not None and named not in (None, entity):
            raise invalid("entity name is already in use")
        _check(body)
        known = entity or named
        entity = known or store.new_entity(name)
        _change(entity, body, name=name, now=store.now())
        store.changed()
        if known is not None:
            return EMPTY
        return Answer(data={"id": entity.id, "name": entity.name, "aliases": None})

    def _merge(self, request: Request) -> Answer:
        body, store = request.body, self._store
        target = store.entities.get(body.text("to_entity_id"))
        sources = [store.entities.get(one) for one in body.strings("from_entity_ids")]
        if target is None:
            raise invalid("entity id to merge to is invalid")
        if not sources or target in sources or None in sources:
            raise invalid("entity id to merge from is invalid")
        for source in sources:
            if source is not None:
                self._take_over(source, target)
        store.changed()
        return EMPTY

    def _take_over(self, source: Entity, target: Entity) -> None:
        for alias in self._store.aliases_of(source.id):
            alias.canonical_id = target.id
        for group in self._store.groups.values():
            if group.entity_ids and source.id in group.entity_ids:
                group.entity_ids = [*dict.fromkeys([*group.entity_ids, target.id])]
        target.policies = tuple(sorted({*target.policies, *source.policies}))
        target.metadata = {**source.metadata, **target.metadata}
        target.merged += [source.id, *source.merged]
        self._store.drop_entity(source)


def _check(body: Fields) -> None:
    body.texts("metadata")
    body.strings("policies")
    body.boolean("disabled")
    if "root" in body.strings("policies"):
        raise invalid("policies cannot contain root")


def _change(entity: Entity, body: Fields, *, name: str, now: float) -> None:
    entity.name = name or entity.name
    if body.get("metadata") is not None:
        entity.metadata = body.texts("metadata")
    if body.get("policies") is not None:
        entity.policies = tuple(sorted({policy.lower() for policy in body.strings("policies")}))
    entity.disabled = body.boolean("disabled", default=entity.disabled)
    entity.updated = now
