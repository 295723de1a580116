"""Owns the rules as they are written: their ids, annotations, places and text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, get_args

import cedarpy
from cedarpy import pst

from bailiwick.policies.calls import Effect
from bailiwick.policies.decisions import Requirement
from bailiwick.policies.errors import PolicyError
from bailiwick.policies.lifts import lifts
from bailiwick.policies.sources import Source, line_of

_FORMS = {
    "id": (re.compile(r"[\w.:-]{1,100}"), "letters, digits and any of _ . : -"),
    "reason": (re.compile(r"[^\n\r]{1,500}"), "one line that says why"),
    "approval": (re.compile(r"[\w.:-]{1,100}"), "the role that may lift the rule"),
    "quorum": (re.compile(r"[1-9][0-9]?"), 'how many people must approve, such as "2"'),
    "expires": (re.compile(r"[1-9][0-9]{0,5}[smh]"), 'a duration such as "90s", "15m" or "1h"'),
    "separate": (re.compile(r"true|false"), '"true" or "false"'),
}
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_EFFECT = pst.GetAttr(base=pst.Var(name="resource"), attr="effect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Hold one rule of a policy file.

    Attributes:
        id: Its `@id`, unique in the policy.
        file: The name of its file.
        line: The line it begins on, its annotations included.
        effect: Whether it permits or forbids.
        annotations: All annotations as they are written, `id` included.
        text: The rule as it is written, without the comments above it.
        action: The only action it decides, or `None` if it is not bound to one.
        resource: Type and id of the only resource it decides on, or `None`.
        tools: The names of all tools that it speaks of, in its conditions too.
        requirement: The approval that lifts it, or `None` if none does.
    """

    id: str
    file: str
    line: int
    effect: Literal["permit", "forbid"]
    annotations: Mapping[str, str]
    text: str
    action: str | None
    resource: tuple[str, str] | None
    tools: frozenset[str]
    requirement: Requirement | None

    @property
    def place(self) -> str:
        """The file and line, as editors and terminals link them."""
        return f"{self.file}:{self.line}"

    @property
    def reason(self) -> str:
        """Its `@reason`, or the empty text."""
        return self.annotations.get("reason", "")

    def concerns(self, action: str, kind: str, name: str | None = None) -> bool:
        """Say whether this rule can decide `action` on resources of a kind, or on the one named."""
        if self.action not in {None, action}:
            return False
        if self.resource is None:
            return True
        return self.resource[0] == kind and (name is None or self.resource[1] == name)


def read_rules(sources: Iterable[Source]) -> tuple[Rule, ...]:
    """Return the rules of all files, in the order they are written.

    Raises:
        PolicyError: If there is no rule at all, two share an id, or one is not well formed.
    """
    sources = tuple(sources)
    rules: dict[str, Rule] = {}
    for source in sources:
        for start, text in source.statements():
            rule = _rule(source, source.line(start), text)
            if rule.id in rules:
                raise source.error(
                    rule.line,
                    f"@id({rule.id!r}) is taken by the rule at {rules[rule.id].place}:"
                    " give each rule its own",
                )
            rules[rule.id] = rule
    if not rules:
        names = ", ".join(str(source.path) for source in sources)
        raise PolicyError(f"{names}: no rule in it, so nothing could ever run: write a permit")
    return tuple(rules.values())


def _rule(source: Source, line: int, text: str) -> Rule:
    template = _parse(source, line, text)
    annotations = dict(template.annotations)
    _check(source, line, template)
    action, resource = template.action, template.resource
    return Rule(
        id=annotations["id"],
        file=source.path.name,
        line=line,
        effect=template.effect,
        annotations=annotations,
        text=text,
        action=action.entity.id if isinstance(action, pst.ActionEq) else None,
        resource=_entity(resource),
        tools=frozenset(uid.id for uid in pst.entity_uids(template) if str(uid.type) == "Tool"),
        requirement=_requirement(annotations) if "approval" in annotations else None,
    )


def _parse(source: Source, line: int, text: str) -> pst.Template:
    try:
        parsed = cedarpy.PolicySet.from_str(text).to_pst()
    except ValueError as error:
        at = line + (line_of(str(error), text) or 0)
        raise source.error(
            at, f"{error}: correct the rule that begins on line {line}, or end it with ';'"
        ) from None
    if parsed.templates or len(parsed.static_policies) != 1:
        raise source.error(line, "not one plain rule: write ?principal and ?resource out")
    return next(iter(parsed.static_policies.values()))


def _entity(scope: pst.PrincipalOrResourceConstraint) -> tuple[str, str] | None:
    if isinstance(scope, pst.ScopeEq) and isinstance(scope.entity, pst.EntityUid):
        return str(scope.entity.type), scope.entity.id
    return None


def _check(source: Source, line: int, template: pst.Template) -> None:
    annotations = template.annotations
    for name, value in annotations.items():
        if name not in _FORMS:
            known = ", ".join(f"@{known}" for known in _FORMS)
            raise source.error(line, f"unknown annotation @{name}: use {known}")
        form, remedy = _FORMS[name]
        if not form.fullmatch(value):
            raise source.error(line, f"@{name}({value!r}) is not understood: write {remedy}")
    _check_effects(source, line, template)
    if "id" not in annotations:
        raise source.error(line, "a rule without @id: decisions name the rules that made them")
    if "approval" in annotations:
        _check_lift(source, line, template, annotations["approval"])
    elif orphans := annotations.keys() & {"quorum", "expires", "separate"}:
        raise source.error(line, f"@{min(orphans)} without @approval: add the role that approves")


def _check_effects(source: Source, line: int, template: pst.Template) -> None:
    known: tuple[str, ...] = get_args(Effect)
    for compared in _compared_to_effect(template.clauses):
        if compared not in known:
            raise source.error(
                line,
                f"resource.effect is never {compared!r}: write one of {', '.join(known)}",
            )


def _compared_to_effect(clauses: tuple[pst.Clause, ...]) -> Iterator[str]:
    """Yield each text that a rule compares the effect of a tool to."""
    stack: list[Any] = [*clauses]
    while stack:
        match stack.pop():
            case pst.BinaryOp(left=left, right=right) if _EFFECT in (left, right):
                other = right if left == _EFFECT else left
                texts = other.elements if isinstance(other, pst.Set) else (other,)
                yield from (text.value for text in texts if isinstance(text, pst.StringLit))
            case tuple() as parts:
                stack.extend(parts)
            case Mapping() as named:
                stack.extend(named.values())
            case part if is_dataclass(part):
                stack.extend(getattr(part, field.name) for field in fields(part))
            case _:
                pass


def _check_lift(source: Source, line: int, template: pst.Template, role: str) -> None:
    if template.effect == "permit":
        raise source.error(line, "@approval on a permit: only a forbid can be lifted")
    if not lifts(template.clauses, role):
        raise source.error(
            line,
            f"@approval({role!r}) that lifts nothing: end the rule with"
            f' unless {{ context.approvals.contains("{role}") }}',
        )


def _requirement(annotations: Mapping[str, str]) -> Requirement:
    expires = annotations.get("expires", "15m")
    separate = annotations.get("separate")
    return Requirement(
        rule=annotations["id"],
        role=annotations["approval"],
        quorum=int(annotations.get("quorum", "1")),
        expires=int(expires[:-1]) * _SECONDS[expires[-1]],
        separate=None if separate is None else separate == "true",
        reason=annotations.get("reason", ""),
    )
