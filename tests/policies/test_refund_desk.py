"""What the shipped rules let the refund desk do."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bailiwick.policies.policy as module
from bailiwick.policies import Effect, Policy, ToolCall, ToolUse

POLICY = Policy.shipped()
AGENTS = ["supervisor", "orders", "returns", "billing"]
EFFECTS: dict[str, Effect] = {
    "look_up_order": "read",
    "check_return_window": "read",
    "register_return": "write",
    "cancel_return": "write",
    "issue_refund": "destructive",
}
MANAGER = frozenset({"manager"})


def call(agent: str, tool: str, args: dict[str, object]) -> ToolCall:
    """Return an agent's call as the graph would make it."""
    return ToolCall(
        id="call-1",
        thread="thread-1",
        requester="customer",
        chain=("supervisor",),
        agent=agent,
        tool=ToolUse(name=tool, version="1", effect=EFFECTS.get(tool, "read")),
        args=args,
    )


def refund(amount: object, agent: str = "billing") -> ToolCall:
    """Return the call that pays an amount back."""
    return call(agent, "issue_refund", {"order_id": "1001", "amount": amount})


def test_a_call_without_arguments_is_denied() -> None:
    """Not even reading goes without saying what."""
    assert POLICY.decide(call("orders", "look_up_order", {})).verdict == "deny"


@pytest.mark.parametrize(
    ("agent", "tool", "rules"),
    [
        ("orders", "look_up_order", ("orders-may-look-up",)),
        ("returns", "check_return_window", ("returns-may-check-the-window",)),
        ("returns", "register_return", ("returns-may-register",)),
    ],
)
def test_what_can_be_undone_is_free_for_its_agent_alone(
    agent: str, tool: str, rules: tuple[str, ...]
) -> None:
    """Each specialist reads with its own tool; a return that is registered can be cancelled."""
    decision = POLICY.decide(call(agent, tool, {"order_id": "1001"}))
    assert (decision.verdict, decision.rules) == ("allow", rules)
    others = [other for other in [*AGENTS, "stranger"] if other != agent]
    for other in others:
        assert POLICY.decide(call(other, tool, {"order_id": "1001"})).verdict == "deny"


def test_a_manager_agrees_to_each_cancellation() -> None:
    """The customer was told that the return is on."""
    cancelling = call("returns", "cancel_return", {"order_id": "1001"})
    decision = POLICY.decide(cancelling)
    assert (decision.verdict, decision.rules) == ("review", ("cancelling-needs-a-manager",))
    assert POLICY.decide(cancelling, MANAGER).verdict == "allow"
    assert POLICY.decide(call("billing", "cancel_return", {"order_id": "1"})).verdict == "deny"


@pytest.mark.parametrize(
    ("amount", "verdict", "rules"),
    [
        ("0.01", "review", ("refund-needs-a-manager",)),
        ("40.00", "review", ("refund-needs-a-manager",)),
        ("500.00", "review", ("refund-needs-a-manager",)),
        ("500.01", "deny", ("refund-over-the-limit",)),
        ("1E+6", "deny", ("refund-over-the-limit",)),
        ("0.00", "deny", ("refund-of-nothing",)),
        ("-40.00", "deny", ("refund-of-nothing",)),
        ("40.001", "deny", ()),
        ("NaN", "deny", ()),
    ],
)
def test_the_amount_decides_about_a_refund(
    amount: str, verdict: str, rules: tuple[str, ...]
) -> None:
    """A manager is asked up to the limit; beyond it nobody is."""
    decision = POLICY.decide(refund(Decimal(amount)))
    assert (decision.verdict, decision.rules) == (verdict, rules)


def test_a_manager_can_release_a_refund_and_no_one_else() -> None:
    """The role counts, not that somebody approved."""
    assert POLICY.decide(refund(Decimal(40)), MANAGER).rules == ("billing-may-refund",)
    assert POLICY.decide(refund(Decimal(40)), frozenset({"clerk"})).verdict == "review"


@pytest.mark.parametrize("agent", [*AGENTS[:3], "stranger", ""])
def test_no_other_agent_can_refund(agent: str) -> None:
    """Not with an approval either."""
    assert POLICY.decide(refund(Decimal(40), agent), MANAGER).verdict == "deny"


@pytest.mark.parametrize("agent", [*AGENTS, "stranger"])
@pytest.mark.parametrize("to", [*AGENTS, "stranger"])
def test_only_the_supervisor_delegates_and_only_to_its_specialists(agent: str, to: str) -> None:
    """Work goes down one step, never sideways, up or out."""
    decision = POLICY.decide_handoff(agent=agent, chain=(), to=to, requester="customer")
    allowed = agent == "supervisor" and to in AGENTS[1:]
    assert decision.verdict == ("allow" if allowed else "deny")


def test_the_designs_example_stands_verbatim_in_the_rules() -> None:
    """What the documentation shows is what runs."""
    text = Path(module.__file__).with_name("refund_desk.cedar").read_text()
    assert (
        '@id("refund-needs-a-manager") @approval("manager") @reason("a refund moves money")\n'
        'forbid (principal, action == Action::"call", resource == Tool::"issue_refund")\n'
        'unless { context.approvals.contains("manager") };\n'
    ) in text


names = st.sampled_from([*AGENTS, "Args", "Cents", *EFFECTS, 'a"b', ""]) | st.text(max_size=5)
numbers = st.integers() | st.floats() | st.decimals() | st.sampled_from([50000, 500, "40.00", True])
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5) | st.binary(max_size=5),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.sets(st.integers() | st.text(max_size=3), max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.just("__entity"), parts, max_size=3)
    ),
    max_leaves=5,
)
arguments = st.dictionaries(st.text(max_size=5), anything, max_size=3) | st.fixed_dictionaries(
    {"order_id": st.text(max_size=5) | anything, "amount": numbers | anything}
)


@given(names, names, arguments, st.sets(names, max_size=2))
def test_whatever_is_asked_there_is_an_answer(
    agent: str, tool: str, args: dict[str, object], approvals: set[str]
) -> None:
    """Deciding never raises."""
    decision = POLICY.decide(call(agent, tool, args), frozenset(approvals))
    assert decision.verdict in {"allow", "review", "deny"}
    assert decision.policy_version == POLICY.version


@given(names, arguments)
def test_no_refund_beyond_the_rules_is_ever_allowed(agent: str, args: dict[str, object]) -> None:
    """With a manager's approval, only billing, and only a positive amount up to the limit."""
    decision = POLICY.decide(call(agent, "issue_refund", args), MANAGER)
    if decision.verdict == "deny":
        return
    amount = args["amount"]
    assert agent == "billing"
    assert isinstance(amount, Decimal)
    assert 0 < amount <= 500


@given(st.decimals(min_value=-1000, max_value=1000, places=2))
def test_every_positive_amount_up_to_the_limit_can_be_refunded(amount: Decimal) -> None:
    """The rules refuse nothing that they mean to grant."""
    allowed = POLICY.decide(refund(amount), MANAGER).verdict == "allow"
    assert allowed == (0 < amount <= 500)
