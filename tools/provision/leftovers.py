"""Owns what was set up once and nobody declares any more: found by our mark, and removed."""

from collections.abc import Callable, Container, Iterator, Mapping
from typing import NamedTuple, cast

from bailiwick.tools.provision.documents import is_ours
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.provision.people import MARK, mount_accessor
from bailiwick.tools.provision.steps import Kind, Step

_PREFIX = "bailiwick-"
_PATHS: Mapping[Kind, str] = {
    "AppRole": "auth/approle/role",
    "token role": "auth/token/roles",
    "entity": "identity/entity/name",
    "policy": "sys/policies/acl",
}
_GIVES: Mapping[Kind, str] = {"AppRole": "token_policies", "token role": "allowed_policies"}
"""The field of a role that says which policies it gives."""


class Found(NamedTuple):
    """Name one thing in Vault."""

    kind: Kind
    name: str


def leftovers(operator: VaultOperator, declared: Container[tuple[Kind, str]]) -> tuple[Step, ...]:
    """Return the steps that remove what carries our mark and is not declared.

    A policy carries it in its text, an entity in its metadata, and a role by giving marked policies
    alone. Secrets, keys and mounts are never removed: what they hold would be lost.

    Args:
        operator: Reads what is there.
        declared: What stays, by kind and name.

    Raises:
        VaultError: If Vault refuses or is not there.
    """
    policies = {name for name in _named(operator, "sys/policies/acl") if _marked(operator, name)}
    # What can be used goes first, what it could be used for after it.
    found = (
        *(_roles(operator, "AppRole", policies) if mount_accessor(operator) else ()),
        *_roles(operator, "token role", policies),
        *_entities(operator),
        *(Found("policy", name) for name in sorted(policies)),
    )
    return tuple(
        Step(action="remove", kind=kind, name=name, run=_deletion(f"{_PATHS[kind]}/{name}"))
        for kind, name in found
        if (kind, name) not in declared
    )


def _roles(operator: VaultOperator, kind: Kind, policies: set[str]) -> Iterator[Found]:
    for name in _named(operator, _PATHS[kind]):
        fields = operator.fields(f"{_PATHS[kind]}/{name}") or {}
        given = cast("list[str]", fields.get(_GIVES[kind]) or [])
        if given and policies.issuperset(given):
            yield Found(kind, name)


def _entities(operator: VaultOperator) -> Iterator[Found]:
    for name in _named(operator, _PATHS["entity"]):
        fields = operator.fields(f"{_PATHS['entity']}/{name}") or {}
        if MARK.items() <= cast("dict[str, str]", fields.get("metadata") or {}).items():
            yield Found("entity", name)


def _named(operator: VaultOperator, path: str) -> list[str]:
    return [name for name in operator.list(path) if name.startswith(_PREFIX)]


def _marked(operator: VaultOperator, policy: str) -> bool:
    found = operator.fields(f"{_PATHS['policy']}/{policy}") or {}
    return is_ours(str(found.get("policy")))


def _deletion(path: str) -> Callable[[VaultOperator], None]:
    return lambda operator: operator.delete(path)
