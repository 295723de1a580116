"""How a policy decides, and that whatever goes wrong is a deny."""

import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bailiwick.policies import Decision, Policy, Requirement, ToolCall
from bailiwick.policies.errors import PolicyError

Write = Callable[..., Path]
Load = Callable[[str], Policy]
MakeCall = Callable[..., ToolCall]

SOMEONE_PINGS = '@id("ping") permit (principal, action, resource == Tool::"ping");'
CLERK_PAYS = """\
@id("clerk-pays")
permit (principal == Agent::"clerk", action == Action::"call", resource == Tool::"pay");
"""
NEEDS_A_MANAGER = """\
@id("needs-a-manager") @approval("manager") @reason("it moves money")
forbid (principal, action == Action::"call", resource == Tool::"pay")
unless { context.approvals.contains("manager") };
"""
NEEDS_TWO_AUDITORS = """\
@id("large") @approval("auditor") @quorum("2") @expires("90s") @separate("false")
forbid (principal, action == Action::"call", resource == Tool::"pay")
when { context.args.amount > 10000 }
unless { context.approvals.contains("auditor") };
"""
NEVER_TO_ITSELF = """\
@id("not-to-itself") @reason("nobody pays themselves")
forbid (principal, action == Action::"call", resource == Tool::"pay")
when { context.args.to == context.requester };
"""


def test_a_policy_without_a_matching_permit_denies(load: Load, call: MakeCall) -> None:
    """What nobody permitted does not happen."""
    decision = load(SOMEONE_PINGS).decide(call())
    assert (decision.verdict, decision.rules) == ("deny", ())
    assert decision.reason == "No rule lets 'clerk' call 'pay'."


def test_a_permit_allows_and_is_named(load: Load, call: MakeCall) -> None:
    """Every decision names the rules that made it, and its policy."""
    policy = load(CLERK_PAYS)
    decision = policy.decide(call())
    assert (decision.verdict, decision.rules) == ("allow", ("clerk-pays",))
    assert decision.policy_version == policy.version


def test_a_forbid_that_a_person_can_lift_asks(load: Load, call: MakeCall) -> None:
    """The third answer says who may approve, how many, until when, and why."""
    decision = load(CLERK_PAYS + NEEDS_A_MANAGER).decide(call())
    assert decision == Decision(
        verdict="review",
        rules=("needs-a-manager",),
        reason="Needs the approval of manager: it moves money (needs-a-manager).",
        requirements=(
            Requirement(rule="needs-a-manager", role="manager", reason="it moves money"),
        ),
        policy_version=decision.policy_version,
    )


def test_annotations_say_what_an_approval_takes(load: Load, call: MakeCall) -> None:
    """Quorum, expiry and separation are the rule's."""
    decision = load(CLERK_PAYS + NEEDS_TWO_AUDITORS).decide(call(amount=Decimal("100.01")))
    assert decision.requirements == (
        Requirement(rule="large", role="auditor", quorum=2, expires=90, separate=False),
    )


@pytest.mark.parametrize(
    ("approvals", "verdict", "missing"),
    [
        (set[str](), "review", {"manager", "auditor"}),
        ({"manager"}, "review", {"auditor"}),
        ({"auditor"}, "review", {"manager"}),
        ({"clerk"}, "review", {"manager", "auditor"}),
        ({"manager", "auditor"}, "allow", set[str]()),
    ],
    ids=["none", "a manager", "an auditor", "a clerk", "both"],
)
def test_only_the_approvals_that_are_missing_are_asked(
    load: Load, call: MakeCall, approvals: set[str], verdict: str, missing: set[str]
) -> None:
    """Each rule is lifted by its own role, and by no other."""
    policy = load(CLERK_PAYS + NEEDS_A_MANAGER + NEEDS_TWO_AUDITORS)
    decision = policy.decide(call(amount=Decimal(500)), frozenset(approvals))
    assert decision.verdict == verdict
    assert {requirement.role for requirement in decision.requirements} == missing


def test_a_forbid_that_no_one_can_lift_is_not_asked_about(load: Load, call: MakeCall) -> None:
    """Nobody is asked to approve what would be denied all the same."""
    policy = load(CLERK_PAYS + NEEDS_A_MANAGER + NEVER_TO_ITSELF)
    decision = policy.decide(call(to="customer"))
    assert (decision.verdict, decision.rules) == ("deny", ("not-to-itself",))
    assert decision.reason == "Forbidden: nobody pays themselves (not-to-itself)."


def test_a_rule_that_an_approval_brings_about_still_asks(load: Load, call: MakeCall) -> None:
    """Lifting one rule may leave another: the rules are asked until nothing changes."""
    second = """\
    @id("second") @approval("auditor")
    forbid (principal, action == Action::"call", resource == Tool::"pay")
    when { context.approvals.contains("manager") }
    unless { context.approvals.contains("auditor") };
    """
    decision = load(CLERK_PAYS + NEEDS_A_MANAGER + second).decide(call())
    assert (decision.verdict, decision.rules) == ("review", ("needs-a-manager", "second"))


def test_a_rule_that_an_approval_brings_about_may_deny(load: Load, call: MakeCall) -> None:
    """Assumed approvals never hide a rule that no approval lifts."""
    last = """\
    @id("never") forbid (principal, action == Action::"call", resource == Tool::"pay")
    when { context.approvals.contains("manager") };
    """
    decision = load(CLERK_PAYS + NEEDS_A_MANAGER + last).decide(call())
    assert (decision.verdict, decision.rules) == ("deny", ("never",))


def test_a_rule_that_its_own_approval_does_not_lift_denies(load: Load, call: MakeCall) -> None:
    """A mistake in a rule ends in a deny that says so, not in endless asking."""
    stuck = """\
    @id("stuck") @approval("manager")
    forbid (principal, action == Action::"call", resource == Tool::"pay")
    unless { context.approvals.contains("manager") && context.args.amount > 100 };
    """
    decision = load(CLERK_PAYS + stuck).decide(call())
    assert (decision.verdict, decision.rules) == ("deny", ("stuck",))
    assert decision.detail == "not lifted by the approval they name: stuck"


def test_arguments_that_are_not_declared_are_not_read(load: Load, call: MakeCall) -> None:
    """The tool gets them; no rule depends on them."""
    args = {"to": "shop", "amount": Decimal(1), "note": 1.5}
    assert load(CLERK_PAYS).decide(call(args=args)).verdict == "allow"


def test_an_unscoped_rule_may_ask_whether_a_tool_has_an_argument(
    load: Load, call: MakeCall
) -> None:
    """One forbid can hold for every tool that has an amount, and skips none of them."""
    rules = """\
    @id("any") permit (principal, action == Action::"call", resource);
    @id("cap") forbid (principal, action == Action::"call", resource)
    when { context.args has amount && context.args.amount > 10000 };
    """
    policy = load(rules)
    assert policy.decide(call(amount=Decimal(101))).rules == ("cap",)
    assert policy.decide(call(amount=Decimal(100))).verdict == "allow"
    assert policy.decide(call("ping")).verdict == "allow"


def test_rules_read_effect_labels_requester_and_chain(load: Load, call: MakeCall) -> None:
    """All that the schema describes is there to be read."""
    rules = """\
    @id("all") permit (principal, action == Action::"call", resource is Tool)
    when {
        resource.effect == "destructive" && context.labels.contains("untrusted") &&
        context.requester == "customer" && context.chain.contains("supervisor")
    };
    """
    marked = call(chain=("supervisor",), labels=frozenset({"untrusted", "web"}))
    policy = load(rules)
    assert policy.decide(marked).verdict == "allow"
    assert policy.decide(call()).verdict == "deny"


def test_a_tool_whose_name_is_no_identifier_is_declared_with_underscores(
    write: Write, schema: str, call: MakeCall
) -> None:
    """Foreign tools keep their names."""
    rules = '@id("a") permit (principal, action, resource == Tool::"web-search");'
    folder = write(main=rules, schema=schema + "type web_search = { query: String };")
    search = call("web-search", args={"query": "tea"})
    assert Policy.from_path(folder).decide(search).verdict == "allow"


def test_two_spellings_of_one_tool_are_refused(write: Write, schema: str) -> None:
    """A forbid of the wrong one would forbid nothing."""
    rules = """@id("a") permit (principal, action, resource == Tool::"web_search");
    @id("b") forbid (principal, action, resource == Tool::"web-search");"""
    folder = write(main=rules, schema=schema + "type web_search = { query: String };")
    with pytest.raises(PolicyError, match=r"cedar:2: rule 'b': .*web-search.*web_search.*be one"):
        Policy.from_path(folder)


def test_handing_over_is_decided_by_its_own_rules(load: Load) -> None:
    """A right to call is no right to delegate, and the other way round."""
    policy = load(
        CLERK_PAYS
        + """
        @id("lead-delegates") @reason("x")
        permit (principal == Agent::"lead", action == Action::"delegate",
                resource == Agent::"clerk");
        @id("not-twice") @reason("work is not handed back")
        forbid (principal, action == Action::"delegate", resource is Agent)
        when { context.chain.contains("clerk") };
        @id("tainted") @approval("manager")
        forbid (principal, action == Action::"delegate", resource)
        when { context.labels.contains("untrusted") }
        unless { context.approvals.contains("manager") };
        """
    )

    def verdict(agent: str, to: str, *chain: str, **rest: frozenset[str]) -> str:
        return policy.decide_handoff(
            agent=agent, chain=chain, to=to, requester="customer", **rest
        ).verdict

    tainted = frozenset({"untrusted"})
    assert verdict("lead", "clerk") == "allow"
    assert verdict("lead", "thief") == "deny"
    assert verdict("clerk", "lead") == "deny"
    assert verdict("lead", "clerk", "clerk") == "deny"
    assert verdict("lead", "clerk", labels=tainted) == "review"
    assert verdict("lead", "clerk", labels=tainted, approvals=frozenset({"manager"})) == "allow"


def test_each_policy_decides_a_call_by_itself(load: Load, call: MakeCall) -> None:
    """What one policy has said of a call is remembered for that one, and for no approval."""
    shipped, strict, paid = Policy.shipped(), load(CLERK_PAYS + NEEDS_A_MANAGER), call()
    assert shipped.decide(paid).verdict == "deny"
    assert strict.decide(paid).verdict == "review"
    assert strict.decide(paid, frozenset({"manager"})).verdict == "allow"
    assert strict.decide(paid) is strict.decide(paid)
    assert shipped.decide(paid).verdict == "deny"


def test_explaining_names_every_rule_that_a_call_meets(load: Load, call: MakeCall) -> None:
    """Permits under a forbid show too, and each forbid shows what would lift it."""
    policy = load(CLERK_PAYS + NEEDS_A_MANAGER + NEEDS_TWO_AUDITORS + NEVER_TO_ITSELF)
    explanation = policy.explain(call())
    assert explanation.decision == policy.decide(call())
    assert [(rule.id, rule.place) for rule in explanation.rules] == [
        ("clerk-pays", "main.cedar:1"),
        ("needs-a-manager", "main.cedar:3"),
    ]
    requirement = explanation.rules[1].requirement
    assert requirement is not None
    assert requirement.role == "manager"


def test_explaining_an_unknown_tool_names_no_rule(load: Load, call: MakeCall) -> None:
    """An explanation never raises either."""
    explanation = load(CLERK_PAYS).explain(call("unknown"))
    assert (explanation.decision.verdict, explanation.rules) == ("deny", ())


def test_the_version_is_that_of_all_names_and_contents(tmp_path: Path, schema: str) -> None:
    """A change of any byte in any file is another policy; the folder's place is no part of it."""

    def version(folder: str, **files: str) -> str:
        (tmp_path / folder).mkdir()
        for name, text in files.items():
            suffix = "cedarschema" if name == "schema" else "cedar"
            (tmp_path / folder / f"{name}.{suffix}").write_text(text)
        return Policy.from_path(tmp_path / folder).version

    versions = [
        version("a", main=CLERK_PAYS, schema=schema),
        version("b", main=CLERK_PAYS + "\n", schema=schema),
        version("c", main=CLERK_PAYS, schema=schema + "\n"),
        version("d", other=CLERK_PAYS, schema=schema),
        version("e", main=CLERK_PAYS, more="// nothing", schema=schema),
    ]
    assert len(set(versions)) == len(versions)
    assert version("f", main=CLERK_PAYS, schema=schema) == versions[0]
    assert len(versions[0]) == 64


def test_a_policy_decides_alike_in_every_thread(load: Load, call: MakeCall) -> None:
    """One policy serves all threads of a process."""
    policy = load(CLERK_PAYS + NEEDS_A_MANAGER)
    verdicts: list[str] = []

    def decide() -> None:
        verdicts.extend(policy.decide(call()).verdict for _ in range(20))

    threads = [threading.Thread(target=decide) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == ["review"] * 160
