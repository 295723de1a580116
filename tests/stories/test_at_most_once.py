"""Promise 4: a call that was begun is not run a second time, whatever became of the first."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.stories.desk import Desk
from tests.stories.gates import GatedGround, Stop
from tests.stories.ground import Ground
from tests.stories.leasing import REFUND
from tests.stories.people import CUSTOMER, MANAGER
from tests.stories.rules import REWORDED, WHOLE_GATE, changed_policy
from tests.stories.scripts import asks

from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.secrets.credentials import Credential


@pytest.fixture(scope="module")
def ground(gated: GatedGround) -> Ground:
    """Stand on the gated ground."""
    return gated.ground


def test_the_shop_breaks_off_its_answer(desk: Desk, gated: GatedGround) -> None:
    """The refund is made, nobody is told so, and the model reads that it must not ask again."""
    thread = desk.thread(desk.specialist(asks(REFUND), desk.tools.issue_refund))
    interrupt = thread.ask()
    with gated.shop.striking(Stop(path="/refunds", when="after", drops=True)):
        thread.answer(interrupt)

    assert desk.refunded == [500]
    assert "see whether it was made before asking again" in thread.results()[0]
    thread.run(None, MANAGER)
    assert desk.refunded == [500]


def test_a_finished_call_is_executed_again(desk: Desk) -> None:
    """From the checkpoint before its execution: its stored result comes back, nothing else."""
    thread = desk.thread(desk.specialist(asks(REFUND), desk.tools.issue_refund))
    thread.answer(thread.ask())
    (result,) = thread.results()
    minted = tokens_minted(desk)

    (earlier,) = [
        snapshot.config
        for snapshot in desk.engine.history(thread.app, thread.config)
        if snapshot.next == ("approval",)
    ]
    for who in (MANAGER, CUSTOMER):
        thread.run(None, who, earlier)

    assert desk.refunded == [500]
    assert thread.results() == [result]
    assert tokens_minted(desk) == minted
    assert len(thread.records("call.started")) == 1


def test_a_finished_call_is_executed_by_another_version_of_its_tool(desk: Desk) -> None:
    """A deployment in between makes it no other call: it has run."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund an amount on an order, better than before."""
        args = {"order_id": order_id, "amount": amount}
        return str(desk.tools.issue_refund.call(args, credential))

    script = asks(REFUND)
    thread = desk.thread(desk.specialist(script, desk.tools.issue_refund))
    thread.answer(thread.ask())
    (result,) = thread.results()
    redeployed = thread.under(desk.specialist(script, issue_refund))

    for snapshot in desk.engine.history(thread.app, thread.config):
        if snapshot.next == ("approval",):
            redeployed.run(None, MANAGER, snapshot.config)

    assert desk.refunded == [500]
    assert redeployed.results() == [result]


@pytest.mark.parametrize("change", [REWORDED, (WHOLE_GATE, "")], ids=["reworded", "without a gate"])
def test_a_finished_call_is_executed_under_other_rules(
    desk: Desk, tmp_path: Path, change: tuple[str, str]
) -> None:
    """Nobody is asked about it again, and nobody reads that it was cancelled: it has run."""
    script, tool = asks(REFUND), desk.tools.issue_refund
    thread = desk.thread(desk.specialist(script, tool))
    thread.answer(thread.ask())
    result = thread.results()
    policy = changed_policy(tmp_path, change)
    redeployed = thread.under(desk.specialist(script, tool, policy=policy))

    for snapshot in desk.engine.history(thread.app, thread.config):
        if snapshot.next == ("approval",):
            redeployed.run(None, MANAGER, snapshot.config)

    assert desk.refunded == [500]
    assert redeployed.results() == result
    assert len(thread.records("approval.requested")) == 1


def tokens_minted(desk: Desk) -> int:
    """Return how often Vault was asked for a child token; it hears of their ends when it may."""
    return sum(asked.path.startswith("auth/token/create/") for asked in desk.vault.requests)
