"""Owns the rule set: all rules that can decide one kind of request, compiled with their schema."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, TypeAlias

import cedarpy

from bailiwick.policies.projection import Value
from bailiwick.policies.rules import Rule

Action: TypeAlias = Literal["call", "delegate"]

REMEMBERED = 128
"""How many of its last answers a rule set remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Ask a rule set whether one thing may happen.

    Attributes:
        agent: Who asks.
        resource: The name of the tool, or of the agent that work is handed to.
        effect: What the tool does; empty for a hand-off.
        context: What the rules may read besides, but for the approvals.
    """

    agent: str
    resource: str
    effect: str = ""
    context: Mapping[str, Value]

    def __str__(self) -> str:
        does = "call" if self.effect else "hand work to"
        return f"{self.agent!r} {does} {self.resource!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Say what Cedar answers.

    Attributes:
        allowed: Whether a permit matches and no forbid does.
        rules: The rules that made it so.
        errors: What went wrong; if anything did, the rest means nothing.
    """

    allowed: bool
    rules: tuple[Rule, ...]
    errors: tuple[str, ...] = ()


class RuleSet:
    """Answer requests by one action on one kind of resource.

    Args:
        action: The action of every request.
        rules: The rules that can decide it, in the order they are written.
        schema: What requests look like; each is checked against it.
        tool: The only tool it is asked about; empty for hand-offs.
        effects: What that tool may do.

    Raises:
        ValueError: If the schema does not declare `entity Tool { effect: String }`.
    """

    def __init__(
        self,
        *,
        action: Action,
        rules: Iterable[Rule],
        schema: cedarpy.Schema,
        tool: str = "",
        effects: Iterable[str] = ("",),
    ) -> None:
        self.rules = tuple(rules)
        self._action = {"type": "Action", "id": action}
        self._kind = "Tool" if action == "call" else "Agent"
        self._schema = schema
        self._by_id = {rule.id: rule for rule in self.rules}
        self._entities = {effect: _entities(tool, effect, schema) for effect in effects}
        # A call is decided where it arises and where it runs, mostly within milliseconds, and the
        # same rules give the same request the same answer.
        self._answer = lru_cache(REMEMBERED)(
            partial(self._ask, cedarpy.PolicySet.from_str(self.text))
        )

    @property
    def text(self) -> str:
        """All rules, one after the other."""
        return "\n".join(rule.text for rule in self.rules)

    def problems(self) -> Iterable[tuple[Rule, str]]:
        """Yield what is wrong with a rule by the schema, misspelled attributes and the like."""
        for error in cedarpy.validate_policies(self.text, self._schema).errors:
            # Cedar numbers the rules of a text from 0.
            rule = self.rules[int(error.policy_id.removeprefix("policy"))]
            problem = error.error.removeprefix(f"for policy `{error.policy_id}`")
            yield rule, problem.lstrip(",: ")

    def ask(self, request: Request, approvals: frozenset[str]) -> Outcome:
        """Return Cedar's answer to a request, assuming some approvals."""
        context = _context(request, approvals)
        return self._answer(request.agent, request.resource, request.effect, context)

    def matching(self, request: Request, approvals: frozenset[str]) -> tuple[Rule, ...]:
        """Return every rule whose conditions a request meets, permits under a forbid included."""
        return tuple(
            rule for rule in self.rules if self._is_met(rule, request, _context(request, approvals))
        )

    def _is_met(self, rule: Rule, request: Request, context: str) -> bool:
        alone = cedarpy.PolicySet.from_str(rule.text)
        parts = (request.agent, request.resource, request.effect, context)
        return bool(self._ask(alone, *parts).rules)

    def _ask(
        self, policies: cedarpy.PolicySet, agent: str, resource: str, effect: str, context: str
    ) -> Outcome:
        request = {
            "principal": {"type": "Agent", "id": agent},
            "action": self._action,
            "resource": {"type": self._kind, "id": resource},
            "context": context,
        }
        result = cedarpy.is_authorized(request, policies, self._entities[effect], self._schema)
        diagnostics = result.diagnostics
        errors = tuple(diagnostics.errors)
        if result.decision is cedarpy.Decision.NoDecision:
            errors = errors or ("Cedar made no decision",)
        ids = diagnostics.id_annotations_by_reason
        return Outcome(
            allowed=result.allowed,
            rules=tuple(self._by_id[ids[reason]] for reason in diagnostics.reasons),
            errors=errors,
        )


def _context(request: Request, approvals: frozenset[str]) -> str:
    return json.dumps({**request.context, "approvals": sorted(approvals)})


def _entities(tool: str, effect: str, schema: cedarpy.Schema) -> cedarpy.Entities:
    uid = {"type": "Tool", "id": tool}
    entity = {"uid": uid, "attrs": {"effect": effect}, "parents": []}
    return cedarpy.Entities.from_json_str(json.dumps([entity] if tool else []), schema)
