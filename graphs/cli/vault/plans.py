"""Owns how the plan of a setup looks: a difference, as reviewers know it."""

import json
from collections.abc import Iterator
from difflib import unified_diff

from rich.console import Console

from bailiwick.graphs.cli.terminal.console import quoted
from bailiwick.tools.provision import Plan
from bailiwick.tools.provision.steps import Change, Step

_STYLES = {"create": "green", "change": "yellow", "remove": "red", "keep": "dim"}
_SIGNS = {"+": "green", "-": "red", "!": "yellow"}


def print_plan(console: Console, plan: Plan) -> None:
    """Print what would be done, and of what stays only what the operator should know."""
    for step in plan.steps:
        if step.action == "keep" and not step.notes:
            continue
        console.print(quoted(f"{step.action:<7} {step.kind} {step.name}", _STYLES[step.action]))
        for line in lines(step):
            console.print(quoted(f"    {line}", _SIGNS.get(line[:1], "")), soft_wrap=True)
    counts = plan.counts
    console.print(
        f"{counts['create']} to create, {counts['change']} to change, {counts['remove']} to "
        f"remove; {counts['keep']} as declared"
    )


def lines(step: Step) -> Iterator[str]:
    """Yield the lines of a step: `+` for what comes, `-` for what goes, `!` for what to know."""
    for change in step.changes:
        if change.field == "policy":
            yield from _policy(change)
        elif step.action == "create" and _is_said(change.after):
            yield f"+ {change.field} = {json.dumps(change.after)}"
        elif step.action != "create":
            yield f"- {change.field} = {json.dumps(change.before)}"
            yield f"+ {change.field} = {json.dumps(change.after)}"
    yield from (f"! {note}" for note in step.notes)


def _is_said(value: object) -> bool:
    # No limit and no name is what a new thing has anyway.
    return bool(value) or value is False


def _policy(change: Change) -> Iterator[str]:
    before, after = (str(text or "").splitlines() for text in (change.before, change.after))
    for line in list(unified_diff(before, after, n=1, lineterm=""))[2:]:
        if not line.startswith("@@") and line[1:].strip():
            yield f"{line[0]} {line[1:]}"
