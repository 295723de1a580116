"""That whatever goes wrong while deciding is a deny."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from bailiwick.policies import Policy, ToolCall, ToolUse

Load = Callable[[str], Policy]
MakeCall = Callable[..., ToolCall]

CLERK_PAYS = """\
@id("clerk-pays")
permit (principal == Agent::"clerk", action == Action::"call", resource == Tool::"pay");
"""
NEEDS_A_MANAGER = """\
@id("needs-a-manager") @approval("manager")
forbid (principal, action == Action::"call", resource == Tool::"pay")
unless { context.approvals.contains("manager") };
"""


def test_a_policy_of_forbids_alone_denies(load: Load, call: MakeCall) -> None:
    """An approval lifts a forbid; it permits nothing."""
    decision = load(NEEDS_A_MANAGER).decide(call(), frozenset({"manager"}))
    assert decision.verdict == "deny"


@pytest.mark.parametrize(
    "change",
    [
        {"agent": "thief"},
        {"tool": ToolUse(name="pay_all", version="1", effect="read")},
        {"tool": ToolUse(name="Args", version="1", effect="read")},
        {"tool": ToolUse(name="Cents", version="1", effect="read")},
    ],
    ids=repr,
)
def test_an_unknown_agent_or_tool_is_denied(
    load: Load, call: MakeCall, change: dict[str, Any]
) -> None:
    """Nothing follows from a name that no rule knows."""
    anyone = '@id("anyone") permit (principal == Agent::"clerk", action, resource is Tool);'
    assert load(CLERK_PAYS + anyone).decide(call(**change)).verdict == "deny"


def test_a_forbid_whose_evaluation_errs_denies(load: Load, call: MakeCall) -> None:
    """Cedar skips a rule that errs; skipping a forbid would allow what it forbids."""
    overflowing = """\
    @id("overflow") forbid (principal, action == Action::"call", resource == Tool::"pay")
    when { context.args.amount * 9223372036854775807 > 0 };
    """
    decision = load(CLERK_PAYS + overflowing).decide(call())
    assert (decision.verdict, decision.rules) == ("deny", ())
    assert decision.reason == "The policy could not decide this."
    assert "integer overflow" in decision.detail


def test_a_permit_whose_evaluation_errs_denies(load: Load, call: MakeCall) -> None:
    """A decision stands on rules that were all evaluated."""
    overflowing = """\
    @id("overflow") permit (principal, action == Action::"call", resource == Tool::"pay")
    when { context.args.amount * 9223372036854775807 > 0 };
    """
    assert load(CLERK_PAYS + overflowing).decide(call()).verdict == "deny"


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"to": "shop"},
        {"to": "shop", "amount": None},
        {"to": "shop", "amount": 1.0},
        {"to": "shop", "amount": 1},
        {"to": "shop", "amount": "1"},
        {"to": "shop", "amount": Decimal("1.001")},
        {"to": "shop", "amount": Decimal("NaN")},
        {"to": "shop", "amount": Decimal("1E+999999999")},
        {"to": {"__entity": {"type": "Agent", "id": "clerk"}}, "amount": Decimal(1)},
        {"to": "shop", "amount": Decimal(1), "note": [{"__extn": {}}]},
        {"to": "shop", "amount": Decimal(1), "note": ...},
        {"to": "\ud800", "amount": Decimal(1)},
        {"to": "shop", "amount": Decimal(1), "copies": 2**63},
    ],
    ids=ascii,
)
def test_arguments_that_the_rules_cannot_read_are_denied(
    load: Load, call: MakeCall, args: Mapping[str, object]
) -> None:
    """A rule is never skipped because an argument is missing or of another kind."""
    decision = load(CLERK_PAYS).decide(call(args=args))
    assert (decision.verdict, decision.rules) == ("deny", ())
    assert decision.detail
    assert "shop" not in decision.reason


def test_arguments_nested_without_end_are_denied(load: Load, call: MakeCall) -> None:
    """Not even a value that refers to itself gets past."""
    endless: list[object] = []
    endless.append(endless)
    args = {"to": "shop", "amount": Decimal(1), "note": endless}
    assert load(CLERK_PAYS).decide(call(args=args)).verdict == "deny"


@pytest.mark.parametrize(
    "change",
    [
        {"tool": ToolUse(name="pay", version="1", effect="harmless")},  # type: ignore[arg-type]  # deliberately wrong
        {"requester": None},
        {"labels": None},
        {"chain": [1]},
        {"agent": None},
        {"args": None},
        {"tool": None},
    ],
    ids=repr,
)
def test_a_malformed_call_is_denied(load: Load, call: MakeCall, change: dict[str, Any]) -> None:
    """Deciding never raises: a program's mistake is a deny too."""
    decision = load(CLERK_PAYS).decide(call(**change))
    assert (decision.verdict, decision.rules) == ("deny", ())
    assert decision.detail
