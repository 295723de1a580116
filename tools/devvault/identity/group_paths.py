"""Owns the paths of the groups."""

from collections.abc import Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.identity.people import Group
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.refusals import existing, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import iso


class GroupPaths:
    """Answer `identity/group`."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `identity/`."""
        return (
            Route(pattern=r"group", update=self._write),
            Route(pattern=r"group/id/?", list=self._list),
            Route(pattern=r"group/name/?", list=self._list_names),
            Route(
                pattern=r"group/(?:id/(?P<id>[^/]+)|name/(?P<name>.+))",
                read=self._read,
                update=self._write,
                delete=self._delete,
            ),
        )

    def shown(self, group: Group) -> dict[str, object]:
        """Return what a read answers."""
        alias = self._store.alias_of(group.id)
        parents = [g.id for g in self._store.groups.values() if group.id in (g.group_ids or ())]
        return {
            "id": group.id,
            "name": group.name,
            "type": group.kind,
            "metadata": group.metadata or None,
            "policies": list(group.policies) or None,
            "member_entity_ids": group.entity_ids,
            "member_group_ids": group.group_ids,
            "parent_group_ids": parents or None,
            "alias": self._store.shown(alias) if alias else {},
            "modify_index": 1,
            "creation_time": iso(group.created),
            "last_update_time": iso(group.updated),
            "namespace_id": "root",
        }

    def _find(self, request: Request) -> Group | None:
        if request.params.get("name"):
            return self._store.group_named(request.params["name"])
        return self._store.groups.get(request.params["id"])

    def _read(self, request: Request) -> Answer:
        return Answer(data=self.shown(existing(self._find(request))))

    def _delete(self, request: Request) -> Answer:
        group = self._find(request)
        if group is not None:
            self._store.drop_group(group)
        return EMPTY

    def _list(self, _: Request) -> Answer:
        found = self._store.groups
        return keys(sorted(found), key_info={g.id: {"name": g.name} for g in found.values()})

    def _list_names(self, _: Request) -> Answer:
        return keys(sorted(group.name for group in self._store.groups.values()))

    def _write(self, request: Request) -> Answer:
        body, store = request.body, self._store
        group_id = request.params.get("id") or body.text("id")
        name = request.params.get("name") or body.text("name")
        group = store.groups.get(group_id) if group_id else None
        if group_id and group is None:
            raise invalid("group not found from id")
        named = store.group_named(name) if name else None
        if group is not None and named not in (None, group):
            raise invalid("group name is already in use")
        known = group or named
        kind = body.text("type") or (known.kind if known else "internal")
        self._check(body, known, kind)
        now = store.now()
        group = known or Group(name=name, kind=kind, created=now, updated=now)
        group.name = name or group.name or f"group_{group.id[:8]}"
        _change(group, body, now=now)
        store.groups[group.id] = group
        store.changed()
        return Answer(data={"id": group.id, "name": group.name}) if known is None else EMPTY

    def _check(self, body: Fields, known: Group | None, kind: str) -> None:
        if kind not in ("internal", "external"):
            raise invalid(f"invalid group type {kind!r}")
        if known is not None and known.kind != kind:
            raise invalid("group type cannot be changed")
        if "root" in body.strings("policies"):
            raise invalid("policies cannot contain root")
        body.texts("metadata")
        members = body.strings("member_group_ids")
        if kind == "external" and (body.strings("member_entity_ids") or members):
            raise invalid("member entities and groups can't be set manually for external groups")
        for entity_id in body.strings("member_entity_ids"):
            if entity_id not in self._store.entities:
                raise invalid(f"invalid entity ID {entity_id!r}")
        for group_id in members:
            if group_id not in self._store.groups:
                raise invalid(f"invalid group ID {group_id!r}")
            if known is not None and known.id in self._below(group_id):
                raise invalid("group contains itself through its members")

    def _below(self, group_id: str) -> set[str]:
        found, open_ids = set[str](), [group_id]
        while open_ids:
            one = open_ids.pop()
            if one not in found:
                found.add(one)
                group = self._store.groups.get(one)
                open_ids.extend((group.group_ids if group else None) or ())
        return found


def _change(group: Group, body: Fields, *, now: float) -> None:
    if body.get("metadata") is not None:
        group.metadata = body.texts("metadata")
    if body.get("policies") is not None:
        group.policies = tuple(sorted({policy.lower() for policy in body.strings("policies")}))
    if body.get("member_entity_ids") is not None:
        group.entity_ids = list(body.strings("member_entity_ids"))
    if body.get("member_group_ids") is not None:
        group.group_ids = list(body.strings("member_group_ids"))
    group.updated = now
