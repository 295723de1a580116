"""Owns the way from a policy folder to rule sets: everything that can be wrong is found here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import get_args

from bailiwick.policies.calls import Effect
from bailiwick.policies.errors import PolicyError
from bailiwick.policies.projection import Value, sample
from bailiwick.policies.rules import Rule, read_rules
from bailiwick.policies.rulesets import Request, RuleSet
from bailiwick.policies.schemas import (
    Declarations,
    RecordOf,
    read_declarations,
    refuse_unfilled,
    type_name,
)
from bailiwick.policies.sources import Source, line_of, read_folder, version

_CONTEXT: Mapping[str, Value] = {"labels": [], "requester": "", "chain": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Hold a policy ready to decide.

    Attributes:
        version: The SHA-256 over all file names and contents.
        rules: Every rule, in the order they are written.
        agents: The agents that the schema lists, or `None`.
        parts: The types of the schema that others are made of.
        tools: The rule set and the argument record of each tool, by the tool's name.
        delegation: The rule set that decides hand-offs.
    """

    version: str
    rules: tuple[Rule, ...]
    agents: frozenset[str] | None
    parts: frozenset[str]
    tools: Mapping[str, tuple[RuleSet, RecordOf]]
    delegation: RuleSet


def compile_folder(folder: Path) -> Compiled:
    """Read, parse, validate and compile the policy of a folder.

    Raises:
        PolicyError: If anything in it is missing, unreadable, ambiguous or invalid; the message
            names file, line and remedy.
    """
    return _compile(folder, *read_folder(folder))


@lru_cache(maxsize=8)
def _compile(folder: Path, sources: tuple[Source, ...], schema: Source) -> Compiled:
    """Compile what was read; a process that builds several guards reads the same again."""
    rules = read_rules(sources)
    declarations = read_declarations(schema)
    loader = _Loader(folder=folder, schema=schema, declarations=declarations, rules=rules)
    loader.refuse_undeclared()
    delegation, tools = loader.delegation(), loader.tools()
    refuse_unfilled(schema, declarations)
    loader.refuse_idle([delegation, *(ruleset for ruleset, _ in tools.values())])
    return Compiled(
        version=version([*sources, schema]),
        rules=rules,
        agents=declarations.agents,
        parts=declarations.parts,
        tools=tools,
        delegation=delegation,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loader:
    folder: Path
    schema: Source
    declarations: Declarations
    rules: tuple[Rule, ...]

    def delegation(self) -> RuleSet:
        agent = self._agent
        return self._compiled(
            partial(RuleSet, action="delegate", schema=self.declarations.schema(None)),
            [rule for rule in self.rules if rule.concerns("delegate", "Agent")],
            Request(agent=agent, resource=agent, context=_CONTEXT),
        )

    def tools(self) -> dict[str, tuple[RuleSet, RecordOf]]:
        named = frozenset[str]().union(*(rule.tools for rule in self.rules))
        return {tool: self._tool(tool) for tool in sorted(named | self.declarations.tools.keys())}

    def _tool(self, tool: str) -> tuple[RuleSet, RecordOf]:
        name = type_name(tool)
        record = self.declarations.tools[name]
        effects: tuple[Effect, ...] = get_args(Effect)
        ruleset = self._compiled(
            partial(
                RuleSet,
                action="call",
                schema=self.declarations.schema(name),
                tool=tool,
                effects=effects,
            ),
            [rule for rule in self.rules if rule.concerns("call", "Tool", tool)],
            Request(
                agent=self._agent,
                resource=tool,
                effect=effects[0],
                context={**_CONTEXT, "args": sample(record)},
            ),
        )
        return ruleset, record

    def _compiled(
        self, build: Callable[..., RuleSet], rules: Iterable[Rule], trial: Request
    ) -> RuleSet:
        try:
            unruled = build(rules=())
            errors = unruled.ask(trial, frozenset()).errors
        except ValueError as error:
            errors = (str(error),)
        if errors:
            raise PolicyError(
                f"{self.schema.path}:1: does not describe the requests that are decided"
                f" ({errors[0]}): declare entities, actions and contexts as the schema that comes"
                " with bailiwick.policies does"
            )
        ruleset = build(rules=rules)
        for rule, problem in ruleset.problems():
            # What is wrong with a rule for all tools may be so of one of them alone.
            is_for_all = rule.resource is None and trial.effect
            where = f" (in a call of {trial.resource!r})" if is_for_all else ""
            raise self._error(
                rule,
                f"{problem}{where}: correct the rule, or declare it in {self.schema.path.name}",
            )
        return ruleset

    def refuse_undeclared(self) -> None:
        spelled: dict[str, str] = {}
        for rule in self.rules:
            for tool in sorted(rule.tools):
                if (other := spelled.setdefault(type_name(tool), tool)) != tool:
                    raise self._error(
                        rule,
                        f'`Tool::"{tool}"` and `Tool::"{other}"` would be one in'
                        f" {self.schema.path.name}: correct the name, or rename one of the tools",
                    )
                if type_name(tool) not in self.declarations.tools:
                    raise self._error(
                        rule,
                        f'nothing declares the arguments of `Tool::"{tool}"`: correct the name, or'
                        f" add 'type {type_name(tool)} = {{ ... }};' to {self.schema.path.name}",
                    )

    def refuse_idle(self, rulesets: Iterable[RuleSet]) -> None:
        busy = {rule.id for ruleset in rulesets for rule in ruleset.rules}
        for rule in self.rules:
            if rule.id not in busy:
                raise self._error(
                    rule,
                    'decides nothing: bind it to action == Action::"call" and a Tool, or to'
                    ' action == Action::"delegate" and an Agent',
                )

    @property
    def _agent(self) -> str:
        return min(self.declarations.agents or {"agent"})

    def _error(self, rule: Rule, problem: str) -> PolicyError:
        line = rule.line + (line_of(problem, rule.text) or 0)
        return PolicyError(f"{self.folder / rule.file}:{line}: rule {rule.id!r}: {problem}")
