"""Owns `bailiwick policy`: check the rules, explain a decision."""

import json
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bailiwick.graphs.settings import read_settings
from bailiwick.policies import Policy, Rule, SettingsError, ToolCall, ToolUse

STYLES = {"allow": "green", "review": "yellow", "deny": "red"}


def check(path: Path | None) -> None:
    """Load the rules and list them.

    Raises:
        PolicyError: If they cannot be used.
    """
    policy = _load(path)
    console = Console()
    console.print(_table(policy.rules))
    counted = f"{len(policy.rules)} rules, {len(policy.tools)} tools"
    console.print(f"[green]valid[/]: {counted}, version {policy.version[:12]}")


def explain(agent: str, tool: str, args: str, approvals: frozenset[str], path: Path | None) -> None:
    """Print what the rules make of one call.

    Raises:
        PolicyError: If the rules cannot be used.
        SettingsError: If the arguments are no JSON object.
    """
    policy = _load(path)
    call = ToolCall(
        id="explained",
        thread="explained",
        requester="somebody",
        agent=agent,
        tool=ToolUse(name=tool, version="explained", effect="destructive"),
        args=_parse(args),
    )
    explanation = policy.explain(call, approvals)
    decision = explanation.decision
    console = Console()
    console.print(
        f"[{STYLES[decision.verdict]}]{decision.verdict}[/] {decision.reason}", soft_wrap=True
    )
    for needed in decision.requirements:
        console.print(f"  needs {needed.quorum} x {needed.role} (rule {needed.rule})")
    if decision.detail:
        console.print(f"  for the operator: {decision.detail}")
    console.print(_table(explanation.rules))


def _load(path: Path | None) -> Policy:
    folder = path or read_settings().policy
    return Policy.shipped() if folder is None else Policy.from_path(folder)


def _parse(args: str) -> dict[str, object]:
    try:
        # Money is given as 40 or 40.00: as a float it could not be read exactly.
        parsed = json.loads(args, parse_float=Decimal)
    except ValueError as error:
        raise SettingsError(
            f"the arguments are no JSON ({error}): quote them as one word"
        ) from None
    if not isinstance(parsed, dict):
        raise SettingsError('the arguments must be a JSON object such as {"order_id": "A-1001"}')
    return parsed


def _table(rules: tuple[Rule, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    for rule in rules:
        needed = rule.requirement
        lifted = f"lifted by {needed.quorum} x {needed.role}: " if needed else ""
        style = "green" if rule.effect == "permit" else "red"
        table.add_row(
            f"[{style}]{rule.effect}[/]",
            Text(rule.id, no_wrap=True),
            Text(rule.place, no_wrap=True, style="dim"),
        )
        if rule.reason:
            table.add_row("", Text(f"  {lifted}{rule.reason}"))
    return table
