"""Owns the way from Cedar's two answers to the three verdicts of a decision."""

from collections.abc import Iterable, Mapping

from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.rules import Rule
from bailiwick.policies.rulesets import Request, RuleSet

UNDECIDED = "The policy could not decide this."
"""What the model and the user read when something went wrong; the operator reads the detail."""


def judge(
    ruleset: RuleSet, request: Request, given: frozenset[str], policy_version: str
) -> Decision:
    """Decide one request.

    Denied only by rules that an approval lifts, and allowed once those approvals are assumed, is
    `review`. Any error that Cedar reports is `deny`: it skips a rule whose evaluation fails.

    Args:
        ruleset: The rules that can decide it.
        request: What is asked for: who, what, in which context.
        given: The roles whose approval is on record.
        policy_version: The version of the policy, for the decision.
    """
    assumed = given
    asked: dict[str, Requirement] = {}
    # Each round returns or assumes one role more at least, and the rules name finitely many.
    while True:
        outcome = ruleset.ask(request, assumed)
        if outcome.errors:
            return deny(UNDECIDED, policy_version, detail="; ".join(outcome.errors))
        if outcome.allowed and asked:
            return _review(asked, policy_version)
        if outcome.allowed:
            return _allow(outcome.rules, policy_version)
        firm = [rule for rule in outcome.rules if not _can_lift(rule, assumed)]
        if firm or not outcome.rules:
            return _refuse(firm, request, policy_version)
        lifted = {r.id: r.requirement for r in outcome.rules if r.requirement}
        asked |= lifted
        assumed |= {requirement.role for requirement in lifted.values()}


def deny(
    reason: str, policy_version: str, *, detail: str = "", rules: tuple[str, ...] = ()
) -> Decision:
    """Return the decision that nothing may run."""
    return Decision(
        verdict="deny", rules=rules, reason=reason, detail=detail, policy_version=policy_version
    )


def _can_lift(rule: Rule, assumed: frozenset[str]) -> bool:
    return rule.requirement is not None and rule.requirement.role not in assumed


def _refuse(firm: Iterable[Rule], request: Request, policy_version: str) -> Decision:
    rules = sorted(firm, key=lambda rule: rule.id)
    if not rules:
        return deny(f"No rule lets {request}.", policy_version)
    stuck = [rule.id for rule in rules if rule.requirement]
    return deny(
        f"Forbidden: {_because((rule.id, rule.reason) for rule in rules)}.",
        policy_version,
        detail=f"not lifted by the approval they name: {', '.join(stuck)}" if stuck else "",
        rules=tuple(rule.id for rule in rules),
    )


def _review(asked: Mapping[str, Requirement], policy_version: str) -> Decision:
    requirements = tuple(asked[rule] for rule in sorted(asked))
    roles = " and ".join(sorted({requirement.role for requirement in requirements}))
    because = _because((requirement.rule, requirement.reason) for requirement in requirements)
    return Decision(
        verdict="review",
        rules=tuple(sorted(asked)),
        reason=f"Needs the approval of {roles}: {because}.",
        requirements=requirements,
        policy_version=policy_version,
    )


def _allow(permits: Iterable[Rule], policy_version: str) -> Decision:
    rules = tuple(sorted(rule.id for rule in permits))
    return Decision(
        verdict="allow",
        rules=rules,
        reason=f"Permitted by {', '.join(rules)}.",
        policy_version=policy_version,
    )


def _because(rules: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{reason} ({rule})" if reason else rule for rule, reason in rules)
