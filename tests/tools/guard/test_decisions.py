"""What a guard decides, and what it does not run."""

import re
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.tools.governed import MANAGER, call_of, load_policy, pay_tool
from tests.tools.guard.refunds import REFUNDS, Run, kinds

from bailiwick.policies import Principal, ToolCall
from bailiwick.policies.answers import Approve
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.vault import Vault


def test_a_policy_that_permits_nothing_runs_nothing(ledger: Ledger, run: Run) -> None:
    """The refusal tells the model why, and the decision is all that happened."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    guard = Guard(policy=load_policy(REFUNDS), ledger=ledger)

    result = run(guard, call_of(tool, {"to": "shop", "amount": 1}), tool)

    assert result.outcome == "refused"
    assert result.content == "pay did not run. No rule lets 'billing' call 'pay'."
    assert (ran, kinds(ledger)) == ([], ["decision"])


def test_a_path_is_no_policy(ledger: Ledger) -> None:
    """It is refused where the guard is made, and not at the first decision."""
    path: Any = "policies"

    with pytest.raises(TypeError, match=r"'policies' is no policy: load one with Policy\.from"):
        Guard(policy=path, ledger=ledger)


def test_a_notebook_shows_what_a_guard_goes_by(database_url: str) -> None:
    """Which rules, which database and which Vault; no password of theirs."""
    url = database_url.replace("://postgres@", "://postgres:s3cret@")
    with closing(Ledger(url)) as ledger, Vault("http://127.0.0.1:1", logins={}) as vault:
        shown = repr(Guard(policy=load_policy(), ledger=ledger, vault=vault))
    assert re.fullmatch(
        r"<Guard policy=<Policy \w{12}: \d+ rules, \d+ tools> ledger=<Ledger '.*> "
        r"vault=<Vault 'http://127\.0\.0\.1:1'>>",
        shown,
    )
    assert "s3cret" not in shown


def test_what_the_policy_does_not_know_is_told_once(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """A tool that is denied each time looks like a model that makes no use of it."""
    guard = Guard(policy=load_policy(), ledger=ledger)

    @scoped_tool(effect="write")
    def exchange() -> str:
        """Exchange something."""
        return ""

    for agent in ("billing", "clerk"):
        guard.bind([pay_tool([]), exchange], agent=agent)
    told = [record.getMessage().partition(" and denies")[0] for record in caplog.records]
    assert told == [
        "the policy knows no tool named 'exchange'",
        "the policy knows no agent named 'clerk'",
    ]


def test_parameters_that_the_schema_does_not_know_are_told_once(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the model read why its calls were denied, and only where they are certain to be."""
    guard = Guard(policy=load_policy(), ledger=ledger)

    @scoped_tool(effect="destructive")
    def pay(recipient: str, amount: bool) -> str:  # noqa: FBT001 - that it is a mistake is tried
        """Pay somebody."""
        return f"{amount} to {recipient}"

    for agent in ("billing", "supervisor"):
        guard.bind([pay], agent=agent)
    told = [record.getMessage() for record in caplog.records]
    assert [each.partition(" declares ")[2].partition(";")[0] for each in told] == [
        "argument 'to', which the tool has no parameter for (it takes recipient, amount)",
        "argument 'amount' as Cents, and the tool takes boolean",
    ]
    assert all(each.startswith("the policy denies calls of 'pay': its schema") for each in told)


def test_an_allowed_call_runs_and_is_recorded(guard: Guard, ledger: Ledger, run: Run) -> None:
    """Who, on whose behalf, which tool, which arguments, by which rules, with what outcome."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    call = call_of(tool, {"to": "shop", "amount": "40.50"}, chain=("desk",))

    result = run(guard, call, tool)
    decision, started, ended = ledger.records("t")

    assert result == ToolResult(content="paid 40.50 to shop", outcome="succeeded")
    assert ran == [("shop", Decimal("40.50"))]
    who = {"requester": "clerk", "chain": ["desk"], "agent": "billing", "tool": "pay"}
    for record in (decision, started, ended):
        assert who.items() <= record.body.items()
    assert decision.body["args"] == {"to": "shop", "amount": "40.5"}
    assert (decision.body["verdict"], decision.body["rules"]) == ("allow", ["billing-pays"])
    assert started.body["call"] == ended.body["call"] == call.digest(guard.policy.version)
    assert ended.body["outcome"] == "succeeded"


def test_a_call_that_needs_an_approval_does_not_run_without(
    guard: Guard, ledger: Ledger, run: Run
) -> None:
    """Whatever skipped the question, the guard decides again."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    result = run(guard, call_of(tool, {"to": "shop", "amount": 140}), tool)

    assert result.outcome == "refused"
    assert "Needs the approval of manager: it is much" in str(result.content)
    assert (ran, kinds(ledger)) == ([], ["decision"])


def approve(guard: Guard, call: ToolCall, by: Principal) -> None:
    """Ask for a call's approval and give it."""
    request = guard.approvals.ask(call, guard.decide(call), scope=None, description="").request
    guard.approvals.answer(request.id, Approve(action_digest=request.digest), by=by)


def test_an_approved_call_runs_once(guard: Guard, ledger: Ledger, run: Run) -> None:
    """The approval is used up in the transaction that begins the call."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    call = call_of(tool, {"to": "shop", "amount": 140})
    approve(guard, call, MANAGER)

    # Whoever resumes the thread drives the run, and the one who asked stays the requester.
    first = run(guard, call_of(tool, {"to": "shop", "amount": 140}, requester=MANAGER.id), tool)
    again = run(guard, call, tool)
    elsewhere = run(guard, call_of(tool, {"to": "shop", "amount": 140}, id="call-2"), tool)

    assert first == again == ToolResult(content="paid 140 to shop", outcome="succeeded")
    assert elsewhere.outcome == "refused"
    assert ran == [("shop", Decimal(140))]
    assert kinds(ledger) == [
        "approval.requested",
        "approval.answered",
        "approval.consumed",
        "decision",
        "call.started",
        "call.ended",
        "decision",
    ]
    used = next(ledger.records("t", "decision"))
    assert (used.body["requester"], used.body["verdict"]) == ("clerk", "allow")


@pytest.mark.parametrize(
    "changes",
    [
        {"thread": "copy"},
        {"namespace": "#message-2"},
        {"agent": "orders"},
        {"chain": ("desk",)},
        {"args": {"to": "thief", "amount": Decimal(140)}},
        {"args": {"to": "shop", "amount": Decimal("140.01")}},
    ],
    ids=["thread", "namespace", "agent", "chain", "to", "amount"],
)
def test_an_approval_is_for_one_exact_call(guard: Guard, changes: dict[str, Any]) -> None:
    """Whatever differs, it is another call, and nobody has approved that."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    approve(guard, call_of(tool, {"to": "shop", "amount": 140}), MANAGER)

    call = replace(call_of(tool, {"to": "shop", "amount": 140}), **changes)
    assert guard.run(call, tool).outcome == "refused"
    assert ran == []


def test_a_refusal_for_another_reason_is_a_recorded_denial(guard: Guard, ledger: Ledger) -> None:
    """What no rule decides is on the record like what a rule denies."""
    tool = pay_tool([])
    result = guard.refuse(call_of(tool, {"to": "shop", "amount": 1}), "The shop is closed.")
    record = next(ledger.records("t"))

    assert result == ToolResult.refused("pay", "The shop is closed.")
    assert (record.kind, record.body["verdict"]) == ("decision", "deny")
    assert (record.body["reason"], record.body["rules"]) == ("The shop is closed.", [])


@pytest.mark.parametrize(
    ("agent", "to", "verdict"),
    [
        ("supervisor", "billing", "allow"),
        ("billing", "orders", "deny"),
        ("supervisor", "x", "deny"),
    ],
    ids=["permitted", "not permitted", "unknown"],
)
def test_a_hand_off_is_decided_and_recorded(
    guard: Guard, ledger: Ledger, agent: str, to: str, verdict: str
) -> None:
    """Who handed whose conversation to whom, whether it might happen or not."""
    reason = guard.hand_off(chain=("desk",), agent=agent, to=to, thread="t", requester="clerk")
    record = next(ledger.records("t"))

    assert (reason is None) == (verdict == "allow")
    assert record.kind == "handoff"
    assert record.body["verdict"] == verdict
    assert {"agent": agent, "to": to, "chain": ["desk"], "requester": "clerk"}.items() <= (
        record.body.items()
    )
