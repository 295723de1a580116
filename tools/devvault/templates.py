"""Owns the placeholders in policies: paths that name the entity whose token asks."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bailiwick.tools.devvault.policies import Rule

_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")


class UnresolvedError(LookupError):
    """Say that a placeholder names nothing of this entity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasFacts:
    """Hold what a policy may name of one alias."""

    id: str
    name: str
    metadata: Mapping[str, str]
    custom_metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityFacts:
    """Hold what a policy may name of an entity.

    Attributes:
        id: The entity's id.
        name: Its name.
        metadata: What is written on it.
        aliases: Its aliases by the accessor of their mount.
        group_names: The names of its groups by their ids.
    """

    id: str
    name: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    aliases: Mapping[str, AliasFacts] = field(default_factory=dict[str, AliasFacts])
    group_names: Mapping[str, str] = field(default_factory=dict[str, str])


def is_templated(rule: Rule) -> bool:
    """Tell whether a rule's path has placeholders."""
    return "{{" in rule.pattern


def resolve(rules: Iterable[Rule], entity: EntityFacts | None) -> list[Rule]:
    """Return rules with their placeholders filled in; a path that cannot be is left out."""
    found: list[Rule] = []
    for rule in rules:
        if not is_templated(rule):
            found.append(rule)
        elif entity is not None:
            found.extend(_resolved(rule, entity))
    return found


def fill(text: str, entity: EntityFacts) -> str:
    """Return a text with its placeholders filled in.

    Raises:
        UnresolvedError: If one names nothing of this entity.
    """
    return _PLACEHOLDER.sub(lambda found: _value(found[1], entity), text)


def _resolved(rule: Rule, entity: EntityFacts) -> list[Rule]:
    try:
        return [
            replace(rule, pattern=_PLACEHOLDER.sub(lambda m: _plain(m[1], entity), rule.pattern))
        ]
    except UnresolvedError:
        return []


def _plain(name: str, entity: EntityFacts) -> str:
    value = _value(name, entity)
    # A wildcard in somebody's name would widen the rule.
    if not value or any(sign in value for sign in "*+"):
        raise UnresolvedError(name)
    return value


def _value(name: str, entity: EntityFacts) -> str:
    match name.split("."):
        case ["identity", "entity", *rest]:
            return _of_entity(name, rest, entity)
        case ["identity", "groups", "ids", group_id, "name"] if group_id in entity.group_names:
            return entity.group_names[group_id]
        case ["identity", "groups", "names", group, "id"]:
            ids = (known for known, called in entity.group_names.items() if called == group)
            if (found := next(ids, None)) is not None:
                return found
        case _:
            pass
    raise UnresolvedError(name)


def _of_entity(name: str, rest: list[str], entity: EntityFacts) -> str:
    match rest:
        case ["id"]:
            return entity.id
        case ["name"]:
            return entity.name
        case ["metadata", *key] if ".".join(key) in entity.metadata:
            return entity.metadata[".".join(key)]
        case ["aliases", accessor, *rest_of_alias] if accessor in entity.aliases:
            return _of_alias(name, rest_of_alias, entity.aliases[accessor])
        case _:
            raise UnresolvedError(name)


def _of_alias(name: str, rest: list[str], alias: AliasFacts) -> str:
    match rest:
        case ["id"]:
            return alias.id
        case ["name"]:
            return alias.name
        case ["metadata", *key] if ".".join(key) in alias.metadata:
            return alias.metadata[".".join(key)]
        case ["custom_metadata", *key] if ".".join(key) in alias.custom_metadata:
            return alias.custom_metadata[".".join(key)]
        case _:
            raise UnresolvedError(name)
