"""Owns the policy: the rules of one folder, and the decisions they make."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.policies.loading import Compiled, compile_folder
from bailiwick.policies.misfits import misfits
from bailiwick.policies.projection import (
    UnreadableArgumentError,
    Value,
    project,
    refuse_reserved,
)
from bailiwick.policies.rules import Rule
from bailiwick.policies.rulesets import Request, RuleSet
from bailiwick.policies.verdicts import UNDECIDED, deny, judge
from bailiwick.policies.written import shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Show how a decision came about.

    Attributes:
        decision: What was decided.
        rules: Every rule whose conditions the call meets, in the order they are written. One with
            a `requirement` is lifted by that approval.
    """

    decision: Decision
    rules: tuple[Rule, ...]


class _UnknownNameError(KeyError):
    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.reason = f"The policy knows no {kind} named {name!r}."


class Policy:
    """Decide what may happen, by the rules of one folder.

    A policy never changes; load another to decide by other rules. It may be shared by threads.

    Attributes:
        version: The SHA-256 over all file names and contents, as 64 hex digits.
        rules: Every rule, in the order they are written.
        tools: The names of the tools that the schema and the rules know; others are denied.
        parts: The types of the schema that others are made of: a tool may be named like one.
        agents: The agents that the schema lists, or `None` where it lists none and the rules alone
            tell them apart.
    """

    def __init__(self, compiled: Compiled) -> None:
        self.version = compiled.version
        self.rules = compiled.rules
        self.tools = frozenset(compiled.tools)
        self.parts = compiled.parts
        self.agents = compiled.agents
        self._tools = compiled.tools
        self._delegation = compiled.delegation

    def __repr__(self) -> str:
        counted = f"{len(self.rules)} rules, {len(self.tools)} tools"
        return f"<Policy {shortened(self.version)}: {counted}>"

    @classmethod
    def from_path(cls, path: str | Path) -> "Policy":
        """Load the policy of a folder: its `*.cedar` files and its one `*.cedarschema`.

        Raises:
            PolicyError: If anything in it is missing, unreadable, ambiguous or invalid; the
                message names file, line and remedy.
        """
        return cls(compile_folder(Path(path)))

    @classmethod
    def shipped(cls) -> "Policy":
        """Load the refund desk's policy, which comes with this package."""
        return cls.from_path(Path(__file__).parent)

    def misfits(self, tool: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return why calls of a tool would be denied, as far as its parameters tell.

        Args:
            tool: Its name; of one that the policy does not know nothing is told here.
            parameters: What it takes, as JSON Schema without references.
        """
        if tool not in self._tools:
            return ()
        _, record = self._tools[tool]
        return tuple(misfits(record, parameters))

    def decide(self, call: ToolCall, approvals: frozenset[str] = frozenset()) -> Decision:
        """Decide one tool call: allow, review or deny. Never raises: what goes wrong is a deny.

        Args:
            call: The call, with arguments validated by the tool's own schema.
            approvals: The roles whose approval of this exact call is on record, each with the
                quorum that every requirement naming it asks for.
        """
        if approvals:
            return self._decide(lambda: self._call(call), approvals)
        # A call is decided where it arises, where people are asked, and where it runs.
        if (known := call.decided.get(self.version)) is None:
            known = self._decide(lambda: self._call(call), approvals)
            call.decided[self.version] = known
        return known

    def decide_handoff(  # noqa: PLR0913 - a hand-off has these parts
        self,
        *,
        agent: str,
        chain: tuple[str, ...],
        to: str,
        requester: str,
        labels: frozenset[str] = frozenset(),
        approvals: frozenset[str] = frozenset(),
    ) -> Decision:
        """Decide whether an agent may hand work to another. Never raises, as `decide`.

        Args:
            agent: The agent that hands over.
            chain: The agents the request came through, without `agent`.
            to: The agent that is to work.
            requester: The id of the principal who asked.
            labels: Marks of where the conversation's content comes from.
            approvals: The roles whose approval of this hand-off is on record.
        """

        def handoff() -> tuple[RuleSet, Request]:
            self._refuse_unlisted(agent, to)
            context = _context(labels, requester, chain)
            return self._delegation, Request(agent=agent, resource=to, context=context)

        return self._decide(handoff, approvals)

    def explain(self, call: ToolCall, approvals: frozenset[str] = frozenset()) -> Explanation:
        """Decide a call and name every rule whose conditions it meets. Slower than `decide`."""
        try:
            ruleset, request = self._call(call)
            rules = ruleset.matching(request, approvals)
        except Exception:  # noqa: BLE001 - the decision tells what went wrong
            rules = ()
        return Explanation(decision=self.decide(call, approvals), rules=rules)

    def _call(self, call: ToolCall) -> tuple[RuleSet, Request]:
        if call.tool.name not in self._tools:
            raise _UnknownNameError("tool", call.tool.name)
        self._refuse_unlisted(call.agent)
        ruleset, record = self._tools[call.tool.name]
        refuse_reserved(call.plain_args)
        context = _context(call.labels, call.requester, call.chain)
        return ruleset, Request(
            agent=call.agent,
            resource=call.tool.name,
            effect=call.tool.effect,
            context={**context, "args": project(call.args, record)},
        )

    def _refuse_unlisted(self, *agents: str) -> None:
        for agent in agents:
            if self.agents is not None and agent not in self.agents:
                raise _UnknownNameError("agent", agent)

    def _decide(
        self, requested: Callable[[], tuple[RuleSet, Request]], approvals: frozenset[str]
    ) -> Decision:
        try:
            ruleset, request = requested()
            return judge(ruleset, request, approvals, self.version)
        except _UnknownNameError as error:
            return deny(error.reason, self.version, detail="name it in the schema and in a rule")
        except UnreadableArgumentError as error:
            which = f"the argument {error.argument!r}" if error.argument else "the arguments"
            return deny(f"The policy cannot read {which}.", self.version, detail=str(error))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here, nothing may run
            return deny(UNDECIDED, self.version, detail=f"{type(error).__name__}: {error}")


def _context(labels: Iterable[str], requester: str, chain: Iterable[str]) -> dict[str, Value]:
    return {"labels": [*sorted(labels)], "requester": requester, "chain": [*chain]}
