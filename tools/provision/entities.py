"""Owns who somebody is in Vault: the entity, and the alias that ties a login to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from bailiwick.policies.errors import VaultError
from bailiwick.tools.provision.engines import mounted
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.provision.steps import Action, Change, Read, Step

MARK = {"managed-by": "bailiwick"}
_NOTED = {
    "disabled": "it is disabled, and stays so",
    "group_ids": "it is in a group, and what it leases has that group's policies too: look at them",
}
_LONGEST = 512
"""Bytes that Vault takes as one value of an entity's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Be the entity of an agent or a service: metadata for people, and no policy.

    Attributes:
        name: Its name.
        metadata: What is said of it.
    """

    name: str
    metadata: Mapping[str, str]

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it; who disabled an entity has the last word."""
        del loosen
        path = _entity(self.name)
        found = read(path)
        held = found or {}
        wanted: Mapping[str, object] = {"metadata": dict(self.metadata), "policies": []}
        changes = tuple(
            Change(field=name, before=held.get(name) if found else None, after=value)
            for name, value in wanted.items()
            # A child inherits its entity's policies, past its tool's own.
            if (held.get(name) or type(value)()) != value
        )
        notes = tuple(note for name, note in _NOTED.items() if held.get(name))
        action: Action = "create" if found is None else "change" if changes else "keep"
        return Step(
            action=action,
            kind="entity",
            name=self.name,
            changes=changes,
            notes=notes,
            run=lambda operator: operator.write(path, **wanted),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Be the alias that makes logins those of an entity.

    Attributes:
        name: The name of the entity, and of the AppRole where it logs in by one.
        mount: Where it logs in.
        known_as: What it is called there; the AppRole's role id where left out.
    """

    name: str
    mount: str = "approle"
    known_as: str = ""

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it."""
        del loosen
        accessor, known_as = self._known(read)
        held = _aliases(read(_entity(self.name)) or {}, accessor)
        if known_as is not None and held == {known_as: held.get(known_as, "")}:
            return Step(action="keep", kind="alias", name=self.name)
        stale = tuple(alias for alias in held if alias != known_as)
        field = "name" if self.known_as else "role_id"
        return Step(
            action="change" if stale else "create",
            kind="alias",
            name=self.name,
            changes=tuple(Change(field=field, before=one, after=known_as) for one in stale),
            run=self._tie,
        )

    def _known(self, read: Read) -> tuple[str | None, str | None]:
        accessor = cast(
            "str | None", mounted(read, "sys/auth").get(f"{self.mount}/", {}).get("accessor")
        )
        if accessor is None or self.known_as:
            return accessor, self.known_as or None
        role = read(f"auth/{self.mount}/role/{self.name}/role-id")
        return accessor, None if role is None else str(role["role_id"])

    def _tie(self, operator: VaultOperator) -> None:
        accessor, known_as = self._known(operator.fields)
        entity = operator.fields(_entity(self.name))
        if accessor is None or known_as is None or entity is None:
            raise VaultError(f"{self.name!r} went away meanwhile: run the setup again")
        for name, alias in _aliases(entity, accessor).items():
            # An entity has one alias at a mount.
            if name != known_as:
                operator.delete(f"identity/entity-alias/id/{alias}")
        operator.write(
            "identity/entity-alias",
            name=known_as,
            canonical_id=entity["id"],
            mount_accessor=accessor,
        )


def described(*, owner: str, purpose: str, capabilities: list[str]) -> dict[str, str]:
    """Return the metadata of an entity; what is not known is left out."""
    said = {"owner": owner, "purpose": purpose, **_pieces("capabilities", capabilities)}
    return {name: text[:_LONGEST] for name, text in said.items() if text} | MARK


def _entity(name: str) -> str:
    return f"identity/entity/name/{name}"


def _aliases(entity: Mapping[str, object], accessor: str | None) -> dict[str, str]:
    aliases = cast("list[Mapping[str, object]]", entity.get("aliases") or [])
    return {
        str(alias["name"]): str(alias["id"])
        for alias in aliases
        if alias.get("mount_accessor") == accessor
    }


def _pieces(name: str, words: list[str]) -> dict[str, str]:
    pieces = [""]
    for word in sorted(words):
        longer = f"{pieces[-1]},{word}".lstrip(",")
        if len(longer) <= _LONGEST:
            pieces[-1] = longer
        else:
            pieces.append(word)
    return {f"{name}{f'-{n}' if n > 1 else ''}": text for n, text in enumerate(pieces, 1)}
