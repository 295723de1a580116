"""Owns the paths of the aliases, of entities and of groups."""

from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.identity.people import Alias, Group
from bailiwick.tools.devvault.identity.store import IdentityStore, find_alias
from bailiwick.tools.devvault.refusals import existing, invalid
from bailiwick.tools.devvault.routes import Route


class AliasPaths:
    """Answer `identity/entity-alias` and `identity/group-alias`."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `identity/`."""
        store = self._store
        return (
            *self._routes_of("entity-alias", store.entity_aliases),
            *self._routes_of("group-alias", store.group_aliases),
        )

    def _routes_of(self, name: str, aliases: dict[str, Alias]) -> Sequence[Route]:
        is_group = name.startswith("group")

        def read(request: Request) -> Answer:
            return Answer(data=self._store.shown(existing(aliases.get(request.params["id"]))))

        def delete(request: Request) -> Answer:
            aliases.pop(request.params["id"], None)
            self._store.changed()
            return EMPTY

        def write(request: Request) -> Answer:
            alias_id = request.params.get("id") or request.body.text("id")
            if is_group:
                return self._write(aliases, alias_id, request.body, self._group)
            return self._write(aliases, alias_id, request.body, self._entity)

        def listed(_: Request) -> Answer:
            return keys(sorted(aliases), key_info={a.id: self._info(a) for a in aliases.values()})

        return (
            Route(pattern=name, update=write),
            Route(pattern=rf"{name}/id/?", list=listed),
            Route(pattern=rf"{name}/id/(?P<id>[^/]+)", read=read, update=write, delete=delete),
        )

    def _info(self, alias: Alias) -> dict[str, object]:
        shown = self._store.shown(alias)
        names = ("name", "canonical_id", "mount_accessor", "mount_path", "mount_type")
        return {name: shown[name] for name in names}

    def _write(
        self, aliases: dict[str, Alias], alias_id: str, body: Fields, owner: Callable[[str], str]
    ) -> Answer:
        known = aliases.get(alias_id) if alias_id else None
        if alias_id and known is None:
            raise invalid("invalid alias ID provided")
        name = body.text("name") or (known.name if known else "")
        accessor = body.text("mount_accessor") or (known.accessor if known else "")
        custom = body.texts("custom_metadata")
        if not name or not accessor:
            raise invalid("missing alias name or mount_accessor")
        if not self._store.mount(accessor).is_auth:
            raise invalid(f"invalid mount accessor {accessor!r}: it is no auth method's")
        same = find_alias(aliases.values(), accessor, name)
        if known is not None and same not in (None, known):
            raise invalid("alias name is already in use at this mount")
        known = known or same
        given = body.text("canonical_id") or body.text("entity_id")
        canonical_id = owner(given or (known.canonical_id if known else ""))
        if known is None:
            known = self._store.add_alias(aliases, accessor, name, canonical_id)
        known.name, known.accessor, known.canonical_id = name, accessor, canonical_id
        known.custom_metadata = custom or known.custom_metadata
        known.updated = self._store.now()
        self._store.changed()
        return Answer(data={"id": known.id, "canonical_id": canonical_id})

    def _entity(self, entity_id: str) -> str:
        if entity_id and entity_id not in self._store.entities:
            raise invalid("invalid canonical ID")
        return entity_id or self._store.new_entity().id

    def _group(self, group_id: str) -> str:
        store, now = self._store, self._store.now()
        group = store.groups.get(group_id)
        if group_id and group is None:
            raise invalid("invalid group ID given in 'canonical_id'")
        if group is None:
            group = Group(name="", kind="external", created=now, updated=now)
            group.name = f"group_{group.id[:8]}"
            store.groups[group.id] = group
        if group.kind != "external":
            raise invalid("alias can only be set on an external group")
        return group.id
