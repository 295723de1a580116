"""Owns the looking up of entities and groups by whatever is known of them."""

from collections.abc import Iterable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.identity.entity_paths import EntityPaths
from bailiwick.tools.devvault.identity.group_paths import GroupPaths
from bailiwick.tools.devvault.identity.people import Alias
from bailiwick.tools.devvault.identity.store import IdentityStore, find_alias
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route


class LookupPaths:
    """Answer `identity/lookup`: 204 where nothing is found."""

    def __init__(self, store: IdentityStore, entities: EntityPaths, groups: GroupPaths) -> None:
        self._store = store
        self._entities = entities
        self._groups = groups

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `identity/`."""
        return (
            Route(pattern=r"lookup/entity/?", update=self._entity),
            Route(pattern=r"lookup/group/?", update=self._group),
        )

    def _entity(self, request: Request) -> Answer:
        body, store = request.body, self._store
        found_id = _wanted(body, store.entity_aliases.values())
        named = store.entity_named(body.text("name")) if body.text("name") else None
        entity = named or store.entities.get(found_id)
        return EMPTY if entity is None else Answer(data=self._entities.shown(entity))

    def _group(self, request: Request) -> Answer:
        body, store = request.body, self._store
        found_id = _wanted(body, store.group_aliases.values())
        named = store.group_named(body.text("name")) if body.text("name") else None
        group = named or store.groups.get(found_id)
        return EMPTY if group is None else Answer(data=self._groups.shown(group))


def _wanted(body: Fields, aliases: Iterable[Alias]) -> str:
    """Return the id that a query means, or an empty text."""
    if body.text("id"):
        return body.text("id")
    if body.text("alias_id"):
        return next((a.canonical_id for a in aliases if a.id == body.text("alias_id")), "")
    if body.text("alias_name"):
        found = find_alias(aliases, body.text("alias_mount_accessor"), body.text("alias_name"))
        return found.canonical_id if found else ""
    if not body.text("name"):
        raise invalid("query parameters not supplied")
    return ""
