"""Owns `bailiwick policy`: check the rules, explain a decision."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bailiwick.graphs.cli.terminal.console import quoted, terminal
from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies import Decision, Effect, Policy, Rule, SettingsError, ToolCall, ToolUse
from bailiwick.policies.errors import BailiwickError
from bailiwick.policies.written import shortened

DESTRUCTIVE: Effect = "destructive"
STYLES = {"allow": "green", "review": "yellow", "deny": "red"}


def check(path: Path | None) -> None:
    """Load the rules and list them.

    Raises:
        PolicyError: If they cannot be used.
    """
    settings = read_settings()
    policy = _load(path or settings.policy)
    console = terminal()
    _print_rules(console, policy.rules)
    counted = f"{len(policy.rules)} rules, {len(policy.tools)} tools"
    console.print(f"[green]valid[/]: {counted}, version {shortened(policy.version)}")
    if unpermitted := [tool for tool in sorted(policy.tools) if _is_forgotten(policy, tool)]:
        console.print(f"no rule permits a call of {', '.join(unpermitted)}", markup=False)
    if settings.registry is not None:
        _compare(console, policy, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """Hold a call as it was typed; see `ToolCall`. Without an effect it is taken as destructive."""

    agent: str
    tool: str
    args: str
    effect: str | None
    requester: str
    chain: tuple[str, ...]


def explain(called: Called, approvals: frozenset[str], path: Path | None) -> None:
    """Print what the rules make of one call.

    Raises:
        PolicyError: If the rules cannot be used.
        SettingsError: If the arguments are no JSON object, or no tool has that effect.
    """
    policy = _load(path or read_settings().policy)
    call = ToolCall(
        id="explained",
        thread="explained",
        requester=called.requester,
        chain=called.chain,
        agent=called.agent,
        tool=ToolUse(
            name=called.tool, version="explained", effect=_effect(called.effect or DESTRUCTIVE)
        ),
        args=_parse(called.args),
    )
    explanation = policy.explain(call, approvals)
    console = terminal()
    _print_decision(console, explanation.decision)
    if called.effect is None:
        console.print(f"  taken as {DESTRUCTIVE}: --effect says what the tool does")
    if explanation.rules:
        console.print("\nThe rules that apply to it:")
        _print_rules(console, explanation.rules)


def _is_forgotten(policy: Policy, tool: str) -> bool:
    permits = [rule for rule in policy.rules if rule.effect == "permit"]
    is_permitted = any(rule.concerns("call", "Tool", tool) for rule in permits)
    is_part = tool in policy.parts and not any(tool in rule.tools for rule in policy.rules)
    return not is_permitted and not is_part


def _compare(console: Console, policy: Policy, settings: Settings) -> None:
    """Name what the registry holds and the policy does not know, and so denies."""
    from bailiwick.graphs.registries import find_registry  # noqa: PLC0415 - rules need no registry

    try:
        agents = find_registry(settings).agents
    except BailiwickError as error:
        console.print(quoted(f"not compared with the registry: {error}", "dim"))
        return
    known = policy.agents
    unknown = {
        "agent": {each.name for each in agents if known is not None and each.name not in known},
        "tool": {scope.tool for each in agents for scope in each.tools} - policy.tools,
    }
    for kind, names in unknown.items():
        for name in sorted(names):
            console.print(quoted(f"the policy knows no {kind} {name!r}, which the registry holds"))


def _load(folder: Path | None) -> Policy:
    return Policy.shipped() if folder is None else Policy.from_path(folder)


def _effect(typed: str) -> Effect:
    effects: tuple[Effect, ...] = get_args(Effect)
    for effect in effects:
        if effect == typed:
            return effect
    raise SettingsError(f"no tool has the effect {typed!r}: write one of {', '.join(effects)}")


def _parse(args: str) -> dict[str, object]:
    try:
        # Money is given as 40.00: as a float it could not be read exactly.
        parsed = json.loads(args, parse_float=Decimal)
    except ValueError as error:
        raise SettingsError(
            f"the arguments are no JSON ({error}): write them in single quotes, such as "
            '\'{"order_id": "A-1001", "amount": 40.00}\''
        ) from None
    if not isinstance(parsed, dict):
        raise SettingsError('the arguments must be a JSON object such as {"order_id": "A-1001"}')
    return parsed


def _print_decision(console: Console, decision: Decision) -> None:
    verdict = Text(decision.verdict, style=f"bold {STYLES[decision.verdict]}")
    console.print(verdict.append(" ").append_text(quoted(decision.reason, "not bold default")))
    for needed in decision.requirements:
        seconds = needed.expires
        time = f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"
        console.print(
            f"  needs {needed.quorum} x {needed.role}, within {time} (rule {needed.rule})"
        )
    if decision.detail:
        console.print(Text("  note: ").append_text(quoted(decision.detail)))
    if "not Cents" in decision.detail:
        console.print("  money is a number with its cents: write 40.00, not 40 or quotation marks")


def _print_rules(console: Console, rules: tuple[Rule, ...]) -> None:
    table = Table.grid(padding=(0, 2))
    for heading in ("effect", "id", "place"):
        table.add_column(heading, overflow="fold")
    for rule in rules:
        needed = rule.requirement
        lifted = f"lifted by {needed.quorum} x {needed.role}: " if needed else ""
        style = "green" if rule.effect == "permit" else "red"
        place = Text(rule.place, style="dim")
        table.add_row(Text(rule.effect, style=style), Text(rule.id), place)
        if rule.reason:
            table.add_row("", Text(f"  {lifted}{rule.reason}"), "")
    console.print(table)
