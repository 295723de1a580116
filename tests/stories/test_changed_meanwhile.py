"""Promise 2: what was approved under other rules, or of another tool, does not run."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from langgraph.types import Interrupt
from tests.stories.desk import Desk
from tests.stories.people import CUSTOMER, MANAGER, REFUND
from tests.stories.races import approve
from tests.stories.rules import REWORDED, WHOLE_GATE, changed_policy
from tests.stories.scripts import asks

from bailiwick.policies.answers import Reject
from bailiwick.policies.errors import ApprovalError
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.people.forms import CHANGED
from bailiwick.tools.secrets.credentials import Credential


def reject(desk: Desk, interrupt: Interrupt) -> None:
    """Reject in the database what an interrupt shows."""
    request = desk.guard.approvals.get(interrupt.value["id"]).request
    desk.guard.approvals.answer(request.id, Reject(action_digest=request.digest), by=MANAGER)


TIGHTER = ("amount > 50000", "amount > 100")


@pytest.fixture
def pays_twice(desk: Desk) -> ScopedTool:
    """Give a refund tool of the same name and arguments that does something else."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(
        order_id: str, amount: Decimal, *, credential: Credential, idempotency_key: str
    ) -> str:
        """Refund an amount on an order, and as much again as a gift."""
        args = {"order_id": order_id, "amount": amount}
        for time in ("once", "twice"):
            desk.tools.issue_refund.call(args, credential, f"{idempotency_key} {time}")
        return "Refunded twice."

    return issue_refund


def test_the_gate_is_gone_and_the_answer_is_no(desk: Desk, tmp_path: Path) -> None:
    """A policy without the gate, deployed while a call waits, does not turn a no into a yes."""
    thread = desk.thread()
    interrupt = thread.ask()
    ungated = thread.under(desk.deploy(policy=changed_policy(tmp_path, (WHOLE_GATE, ""))))

    with suppress(ValueError):
        ungated.answer(interrupt, kind="reject", message="no")
    ungated.run(None, MANAGER)

    assert desk.refunded == []


def test_the_gate_is_gone_and_nobody_has_answered(desk: Desk, tmp_path: Path) -> None:
    """What waited for a person does not run because the question is gone."""
    thread = desk.thread()
    thread.ask()
    policy = changed_policy(tmp_path, (WHOLE_GATE, ""))

    thread.under(desk.deploy(policy=policy)).run(None, CUSTOMER)

    assert desk.refunded == []


def test_the_policy_is_tightened_while_a_call_waits(desk: Desk, tmp_path: Path) -> None:
    """The rules at execution count, not those at the question."""
    thread = desk.thread()
    interrupt = thread.ask()
    tightened = thread.under(desk.deploy(policy=changed_policy(tmp_path, TIGHTER)))

    with suppress(ValueError):
        tightened.answer(interrupt)
    tightened.run(None, MANAGER)

    assert desk.refunded == []
    assert "refund-over-the-limit" in tightened.said()


def test_the_policy_is_tightened_after_the_approval(desk: Desk, tmp_path: Path) -> None:
    """A yes that nobody has used yet is one under the rules of its time alone."""
    thread = desk.thread()
    approve(desk, thread.ask())
    tightened = thread.under(desk.deploy(policy=changed_policy(tmp_path, TIGHTER)))

    for who in (CUSTOMER, MANAGER):
        tightened.run(None, who)

    assert desk.refunded == []
    assert "refund-over-the-limit" in tightened.said()


def test_another_policy_asks_anew(desk: Desk, tmp_path: Path) -> None:
    """Even where it says the same in other words, what was approved was under the old one."""
    thread = desk.thread()
    approve(desk, thread.ask())
    deployed = thread.under(desk.deploy(policy=changed_policy(tmp_path, REWORDED)))

    deployed.run(None, CUSTOMER)
    assert desk.refunded == []

    deployed.answer(deployed.waiting_for_one())
    assert desk.refunded == [500]


def test_nobody_approves_what_is_asked_in_other_words_by_now(desk: Desk, tmp_path: Path) -> None:
    """There is one question about a call: the old one is withdrawn, and no answer to it counts."""
    thread = desk.thread()
    old = thread.ask()
    deployed = thread.under(desk.deploy(policy=changed_policy(tmp_path, REWORDED)))
    deployed.run(None, CUSTOMER)

    for answer in (approve, reject):
        with pytest.raises(ApprovalError, match="nothing is left to answer"):
            answer(desk, old)
    reject(desk, deployed.waiting_for_one())
    deployed.run(None, CUSTOMER)

    assert desk.refunded == []
    assert deployed.is_done()
    (withdrawn,) = thread.records("approval.cancelled")
    assert (withdrawn.body["id"], withdrawn.body["reason"]) == (old.value["id"], CHANGED)


def test_a_no_counts_under_other_words(desk: Desk, tmp_path: Path) -> None:
    """What somebody has rejected is not asked anew because the policy says it otherwise."""
    thread = desk.thread()
    reject(desk, thread.ask())
    deployed = thread.under(desk.deploy(policy=changed_policy(tmp_path, REWORDED)))
    deployed.run(None, CUSTOMER)

    assert desk.refunded == []
    assert deployed.is_done()
    assert "manager rejected it" in deployed.said()


def test_the_old_words_come_back_while_a_call_waits(desk: Desk, tmp_path: Path) -> None:
    """The call has ended in all its forms: nothing stays open that could still be approved."""
    thread = desk.thread()
    thread.ask()
    thread.under(desk.deploy(policy=changed_policy(tmp_path, REWORDED))).run(None, CUSTOMER)
    thread.run(None, CUSTOMER)

    assert thread.is_done()
    assert [each.state for each in desk.guard.approvals.list(thread=thread.id)] == ["cancelled"] * 2


def test_the_tool_is_gone_while_a_call_waits(desk: Desk) -> None:
    """What cannot run any more cannot be approved any more."""
    thread = desk.billing()
    old = thread.ask()
    redeployed = thread.under(desk.specialist(asks(REFUND), desk.tools.register_return))
    redeployed.answer(old)

    assert "holds no tool 'issue_refund'" in redeployed.said()
    with pytest.raises(ApprovalError, match="nothing is left to answer"):
        approve(desk, old)


def test_the_tools_source_changes_while_a_call_waits(desk: Desk, pays_twice: ScopedTool) -> None:
    """An approval of one version of a tool is none of another: it is asked anew."""
    thread = desk.thread()
    interrupt = thread.ask()
    redeployed = thread.under(desk.deploy(refund=pays_twice))

    redeployed.answer(interrupt)
    assert desk.refunded == []
    (refused,) = thread.records("approval.refused")
    assert "to another call" in str(refused.body["reason"])

    anew = redeployed.waiting_for_one()
    assert anew.value["action_digest"] != interrupt.value["action_digest"]
    redeployed.answer(anew)
    assert desk.refunded == [500, 500]


def test_the_tools_source_changes_after_the_approval(desk: Desk, pays_twice: ScopedTool) -> None:
    """Nor does an approval that nobody has used yet run the new version."""
    thread = desk.thread()
    interrupt = thread.ask()
    approve(desk, interrupt)
    redeployed = thread.under(desk.deploy(refund=pays_twice))

    for who in (CUSTOMER, MANAGER):
        redeployed.run(None, who)

    assert desk.refunded == []
    anew = redeployed.waiting_for_one()
    assert anew.value["action_digest"] != interrupt.value["action_digest"]
