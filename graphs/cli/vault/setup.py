"""Owns `bailiwick vault setup`: the plan is printed, somebody agrees, it is done."""

import sys
from contextlib import closing

from rich.console import Console

from bailiwick.graphs.cli.terminal.console import confirmed, print_json, quoted, terminal
from bailiwick.graphs.cli.vault.operators import find_platform, open_operator
from bailiwick.graphs.cli.vault.plans import print_plan
from bailiwick.graphs.registries import find_registry
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.provision import Plan, make_plan
from bailiwick.tools.provision.secrets import unwritten

_NO_SERVICES = (
    "no services are declared: nothing seals checkpoints, signs the ledger or ends the leases that "
    "a killed process left; give the Registry services=SERVICES (bailiwick.tools.provision)"
)


def set_up_vault(  # noqa: PLR0913 - each is an option
    named: str | None, *, dry_run: bool, prune: bool, loosen: bool, yes: bool, as_json: bool
) -> None:
    """Plan, print, ask and apply.

    Raises:
        SettingsError: If a setting is missing, or nobody is there to be asked.
        ScopeError: If what is declared cannot be held apart in Vault.
        VaultError: If Vault refuses or is not there.
    """
    if as_json and not (dry_run or yes):
        raise SettingsError("--json asks nobody: give it --dry-run or --yes")
    console = terminal()
    settings = read_settings()
    registry = find_registry(settings, named)
    platform = find_platform(settings)
    with closing(open_operator(settings)) as operator:
        plan = make_plan(operator, registry, platform=platform, loosen=loosen, prune=prune)
        if not as_json:
            print_plan(console, plan)
        is_agreed = not dry_run and bool(plan.pending) and (yes or _agreed(console))
        if is_agreed:
            plan.apply(operator)
        if as_json:
            print_json(_shown(plan, applied=is_agreed))
            return
        if is_agreed:
            console.print("[green]done[/]")
        for missing in unwritten(operator, registry):
            console.print(quoted(missing, "yellow"), soft_wrap=True)
        if not registry.services:
            console.print(quoted(_NO_SERVICES, "yellow"), soft_wrap=True)


def _agreed(console: Console) -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("nobody is there to be asked: give it --yes, or --dry-run")
    return confirmed(console, "Do this?")


def _shown(plan: Plan, *, applied: bool) -> dict[str, object]:
    return {
        "applied": applied,
        "counts": plan.counts,
        "steps": [step.shown for step in plan.steps],
    }
