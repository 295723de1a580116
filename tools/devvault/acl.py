"""Owns the access check: may a token with these policies do this on that path."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bailiwick.tools.devvault.envelope import Operation
from bailiwick.tools.devvault.policies import Parameters, Rule
from bailiwick.tools.devvault.tokens import least


class Acl:
    """Answer for one set of policies, with the precedence of Vault's own rules.

    An exact path beats a pattern; among patterns the one whose first wildcard comes later wins,
    then the one that is no prefix, the one with fewer `+`, the longer, the later in order. Only
    the best match counts, and `deny` in it wins.
    """

    def __init__(self, rules: Iterable[Rule], *, is_root: bool = False) -> None:
        self.is_root = is_root
        merged: dict[str, Rule] = {}
        for rule in rules:
            known = merged.get(rule.pattern)
            merged[rule.pattern] = rule if known is None else _merge(known, rule)
        patterns = [_Pattern(rule) for rule in merged.values()]
        self._exact = {p.rule.pattern: p.rule for p in patterns if not p.is_wild}
        self._wild = sorted((p for p in patterns if p.is_wild), key=_Pattern.rank, reverse=True)

    def allows(
        self,
        operation: Operation,
        path: str,
        fields: Mapping[str, object],
        *,
        sudo: bool = False,
        wrap_ttl: int = 0,
    ) -> bool:
        """Tell whether a request may go on, its answer wrapped for so many seconds or not at all.

        A rule that bounds the wrapping's time to live thereby forces wrapping.
        """
        if self.is_root:
            return True
        rule = self._rule(operation, path)
        if rule is None or "deny" in rule.capabilities or not _wrapping_fits(rule, wrap_ttl):
            return False
        if operation not in rule.capabilities or (sudo and "sudo" not in rule.capabilities):
            return False
        return operation in ("list", "delete") or _parameters_fit(rule, fields)

    def is_sudo(self, path: str) -> bool:
        """Tell whether a path may be used with more than the plain privileges."""
        rule = self._rule("update", path)
        return self.is_root or (rule is not None and "sudo" in rule.capabilities)

    def capabilities(self, path: str) -> list[str]:
        """Return what is allowed on a path, in Vault's words."""
        if self.is_root:
            return ["root"]
        rule = self._rule("list" if path.endswith("/") else "read", path)
        if rule is None or "deny" in rule.capabilities or not rule.capabilities:
            return ["deny"]
        return sorted(rule.capabilities)

    def _rule(self, operation: Operation, path: str) -> Rule | None:
        tries = [path]
        if operation == "list" and path.endswith("/"):
            tries.append(path.removesuffix("/"))
        for candidate in tries:
            if candidate in self._exact:
                return self._exact[candidate]
        for candidate in tries:
            for pattern in self._wild:
                if pattern.matches(candidate):
                    return pattern.rule
        return None


@dataclass(frozen=True)
class _Pattern:
    """A rule's path as something to match and to rank."""

    rule: Rule

    @cached_property
    def is_wild(self) -> bool:
        return self.rule.pattern.endswith("*") or self._plus > 0

    @cached_property
    def _plus(self) -> int:
        return self.rule.pattern.split("/").count("+")

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        prefix = self.rule.pattern.endswith("*")
        segments = self.rule.pattern.removesuffix("*").split("/")
        parts = ["[^/]+" if segment == "+" else re.escape(segment) for segment in segments]
        return re.compile("/".join(parts) + (".*" if prefix else ""), re.DOTALL)

    def matches(self, path: str) -> bool:
        return self._expression.fullmatch(path) is not None

    def rank(self) -> tuple[int, bool, int, int, str]:
        pattern = self.rule.pattern
        # A `+` inside a segment is an ordinary character.
        wildcards = [m.start() for m in re.finditer(r"(?:(?<=/)|^)\+(?=/|$)|\*$", pattern)]
        return (wildcards[0], not pattern.endswith("*"), -self._plus, len(pattern), pattern)


def _merge(one: Rule, other: Rule) -> Rule:
    capabilities = one.capabilities | other.capabilities
    return replace(
        one,
        capabilities=frozenset({"deny"}) if "deny" in capabilities else capabilities,
        allowed=_merge_parameters(one.allowed, other.allowed),
        denied=_merge_parameters(one.denied, other.denied),
        required=tuple(dict.fromkeys((*one.required, *other.required))),
        min_wrapping_ttl=least(one.min_wrapping_ttl, other.min_wrapping_ttl),
        max_wrapping_ttl=least(one.max_wrapping_ttl, other.max_wrapping_ttl),
    )


def _wrapping_fits(rule: Rule, wrap_ttl: int) -> bool:
    if rule.max_wrapping_ttl and not 0 < wrap_ttl <= rule.max_wrapping_ttl:
        return False
    return not rule.min_wrapping_ttl or wrap_ttl >= rule.min_wrapping_ttl


def _merge_parameters(one: Parameters, other: Parameters) -> Parameters:
    merged = dict(one)
    for name, values in other.items():
        known = merged.get(name)
        # No values means any value, and that is the wider of the two.
        merged[name] = values if known is None else known and values and (*known, *values)
    return merged


def _parameters_fit(rule: Rule, fields: Mapping[str, object]) -> bool:
    given = {name.lower(): value for name, value in fields.items()}
    if any(name not in given for name in rule.required):
        return False
    if not given:
        return True
    if rule.denied and ("*" in rule.denied or _any_denied(rule.denied, given)):
        return False
    return not rule.allowed or all(
        _allowed(rule.allowed, name, value) for name, value in given.items()
    )


def _any_denied(denied: Parameters, given: Mapping[str, object]) -> bool:
    return any(name in denied and _listed(value, denied[name]) for name, value in given.items())


def _allowed(allowed: Parameters, name: str, value: object) -> bool:
    if name not in allowed:
        return "*" in allowed
    return _listed(value, allowed[name])


def _listed(value: object, values: Sequence[object]) -> bool:
    return not values or any(_same(value, listed) for listed in values)


def _same(value: object, listed: object) -> bool:
    if isinstance(value, str) and isinstance(listed, str) and "*" in listed:
        start, _, end = listed.partition("*")
        return value.startswith(start) and value.endswith(end)
    return value == listed
