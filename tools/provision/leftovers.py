"""Owns what was set up once and nobody declares any more: found by our mark, and removed."""

from collections.abc import Callable, Container, Iterator, Mapping
from typing import NamedTuple, cast

from bailiwick.tools.provision.documents import is_ours
from bailiwick.tools.provision.engines import mounted
from bailiwick.tools.provision.entities import MARK
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.provision.steps import Kind, Step

_PREFIX = "bailiwick-"
_PATHS: Mapping[Kind, str] = {
    "token role": "auth/token/roles",
    "entity": "identity/entity/name",
    "policy": "sys/policies/acl",
}
_METHODS: Mapping[object, Kind] = {
    "approle": "AppRole",
    "jwt": "JWT role",
    "kubernetes": "Kubernetes role",
}
"""What the roles of an auth method are, by its type."""


class Found(NamedTuple):
    """Name one thing in Vault."""

    kind: Kind
    name: str
    path: str


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
        *_logins(operator, policies),
        *_roles(operator, "token role", _PATHS["token role"], policies),
        *_entities(operator),
        *(Found("policy", name, f"{_PATHS['policy']}/{name}") for name in sorted(policies)),
    )
    return tuple(
        Step(action="remove", kind=each.kind, name=each.name, run=_deletion(each.path))
        for each in found
        if (each.kind, each.name) not in declared
    )


def _logins(operator: VaultOperator, policies: set[str]) -> Iterator[Found]:
    for path, method in sorted(mounted(operator.fields, "sys/auth").items()):
        mount, kind = path.rstrip("/"), _METHODS.get(method.get("type"))
        if kind == "AppRole" and mount != "approle":
            # Somebody else's: ours has this name.
            continue
        if kind is not None:
            prefix = "" if kind == "AppRole" else path
            yield from _roles(operator, kind, f"auth/{mount}/role", policies, prefix)


def _roles(
    operator: VaultOperator, kind: Kind, path: str, policies: set[str], prefix: str = ""
) -> Iterator[Found]:
    gives = "allowed_policies" if kind == "token role" else "token_policies"
    for name in _named(operator, path):
        fields = operator.fields(f"{path}/{name}") or {}
        given = cast("list[str]", fields.get(gives) or [])
        if given and policies.issuperset(given):
            yield Found(kind, f"{prefix}{name}", f"{path}/{name}")


def _entities(operator: VaultOperator) -> Iterator[Found]:
    for name in _named(operator, _PATHS["entity"]):
        fields = operator.fields(f"{_PATHS['entity']}/{name}") or {}
        if MARK.items() <= cast("dict[str, str]", fields.get("metadata") or {}).items():
            yield Found("entity", name, f"{_PATHS['entity']}/{name}")


def _named(operator: VaultOperator, path: str) -> list[str]:
    return [name for name in operator.list(path) if name.startswith(_PREFIX)]


def _marked(operator: VaultOperator, policy: str) -> bool:
    found = operator.fields(f"{_PATHS['policy']}/{policy}") or {}
    return is_ours(str(found.get("policy")))


def _deletion(path: str) -> Callable[[VaultOperator], None]:
    return lambda operator: operator.delete(path)
