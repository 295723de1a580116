"""Owns the things in Vault that are a path with fields: policies and the two kinds of roles."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bailiwick.tools.provision.documents import allows_less, is_untouched
from bailiwick.tools.provision.steps import Action, Change, Kind, Read, Step

_LIMITS = frozenset(
    {
        "secret_id_num_uses",
        "secret_id_ttl",
        "token_explicit_max_ttl",
        "token_max_ttl",
        "token_num_uses",
        "token_ttl",
    }
)
"""Fields of which less is stricter, and 0 is no limit at all."""

_STRICT = {"orphan": False, "renewable": False, "token_no_default_policy": True}
_LOOSEN = "run it with --loosen to set what is declared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Be a policy.

    Attributes:
        name: Its name, in lower case.
        text: Its text.
    """

    name: str
    text: str

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it."""
        path = f"sys/policies/acl/{self.name}"
        found = (read(path) or {}).get("policy")
        if found == self.text:
            return Step(action="keep", kind="policy", name=self.name)
        before = None if found is None else str(found)
        notes: tuple[str, ...] = ()
        if before is not None and not is_untouched(before):
            if allows_less(before, self.text) and not loosen:
                note = f"somebody made it stricter than declared, so it is kept: {_LOOSEN}"
                return Step(action="keep", kind="policy", name=self.name, notes=(note,))
            notes = ("somebody else changed it",)
        return Step(
            action="create" if before is None else "change",
            kind="policy",
            name=self.name,
            changes=(Change(field="policy", before=before, after=self.text),),
            notes=notes,
            run=lambda operator: operator.write(path, policy=self.text),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Be a token role or an AppRole; fields that are not declared stay as they are.

    Attributes:
        kind: Which of them.
        name: Its name.
        path: Its API path.
        fields: What is declared of it.
    """

    kind: Kind
    name: str
    path: str
    fields: Mapping[str, object]

    def step(self, read: Read, *, loosen: bool) -> Step:
        """Return what must be done for it."""
        found = read(self.path)
        held = {name: _plain((found or {}).get(name)) for name in self.fields}
        differing = self._differing(held, is_there=found is not None)
        kept = found is not None and not loosen
        stricter = [
            name for name in differing if kept and _is_stricter(name, held[name], self.fields[name])
        ]
        changed = [name for name in differing if name not in stricter]
        body = {**self.fields, **{name: held[name] for name in stricter}}
        action: Action = "create" if found is None else "change" if changed else "keep"
        return Step(
            action=action,
            kind=self.kind,
            name=self.name,
            changes=tuple(
                Change(field=name, before=held[name], after=self.fields[name]) for name in changed
            ),
            notes=tuple(
                f"{name} is {held[name]}, stricter than the {self.fields[name]} declared, so it is "
                f"kept: {_LOOSEN}"
                for name in stricter
            ),
            run=lambda operator: operator.write(self.path, **body),
        )

    def _differing(self, held: Mapping[str, object], *, is_there: bool) -> list[str]:
        return [
            name
            for name, wanted in self.fields.items()
            # What is not set, Vault leaves out or calls null.
            if held[name] != _plain(wanted) and (held[name] is not None or wanted or not is_there)
        ]


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return sorted(str(part) for part in value)
    return value


def _is_stricter(name: str, found: object, declared: object) -> bool:
    if name in _STRICT:
        return found is _STRICT[name]
    return name in _LIMITS and _limit(found) < _limit(declared)


def _limit(value: object) -> float:
    return float(value) if isinstance(value, int) and value else math.inf
