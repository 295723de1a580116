"""Owns what a token may do: its policies, its entity's and its groups', as they stand now."""

from collections.abc import Callable
from typing import Protocol

from bailiwick.tools.devvault.acl import Acl
from bailiwick.tools.devvault.policies import PolicyStore
from bailiwick.tools.devvault.templates import EntityFacts, is_templated, resolve
from bailiwick.tools.devvault.tokens import Token

AclOf = Callable[[Token], Acl]


class Identities(Protocol):
    """Know the entities; `version` counts the changes, for caches."""

    @property
    def version(self) -> int:
        """How often anything changed."""
        ...

    def policies(self, entity_id: str) -> tuple[str, ...]:
        """Return the policies of an entity and of its groups."""
        ...

    def facts(self, entity_id: str) -> EntityFacts | None:
        """Return what policies may name of an entity, or None."""
        ...


class Authority:
    """Give each token its access check, made anew only when something changed."""

    def __init__(self, policies: PolicyStore, identities: Identities) -> None:
        self._policies = policies
        self._identities = identities
        self._acls: dict[tuple[str, ...], Acl] = {}
        self._versions = (0, 0)

    def acl(self, token: Token) -> Acl:
        """Return what a token's policies allow."""
        versions = (self._policies.version, self._identities.version)
        if versions != self._versions:
            self._acls.clear()
            self._versions = versions
        key = (token.entity_id, *token.policies)
        known = self._acls.get(key)
        if known is None:
            known = self._make(token)
            self._acls[key] = known
        return known

    def _make(self, token: Token) -> Acl:
        names = dict.fromkeys(token.policies)
        if token.entity_id:
            names |= dict.fromkeys(self._identities.policies(token.entity_id))
        rules = self._policies.rules(names)
        if any(is_templated(rule) for rule in rules):
            rules = resolve(rules, self._identities.facts(token.entity_id))
        return Acl(rules, is_root="root" in names)
