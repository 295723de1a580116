"""What came of a call in doubt is asked of the system itself, before it is proposed anew."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from tests.tools.governed import CLERK, MANAGER, call_of, load_policy

from bailiwick.graphs.outbox.deliveries import App
from bailiwick.graphs.proposals import ProposalDesk
from bailiwick.policies.errors import CallError
from bailiwick.tools.declared.findings import Finding
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger


@pytest.fixture
def guard(sqlite_url: str) -> Iterator[Guard]:
    """Give a guard whose rules let billing pay a little."""
    ledger = Ledger(sqlite_url)
    yield Guard(policy=load_policy(), ledger=ledger)
    ledger.close()


def paying(effects: list[str]) -> ScopedTool:
    """Return a tool that pays and loses the answer; the bank knows what it has done."""

    def find(to: str, amount: Decimal) -> Finding:
        del amount
        state: Literal["succeeded", "unknown"] = "succeeded" if to in effects else "unknown"
        return Finding(state=state, result=f"paid {to}")

    @scoped_tool(effect="write", reconcile=find)
    def pay(to: str, amount: Decimal) -> str:
        """Pay somebody."""
        del amount
        effects.append(to)
        raise OSError("the answer was lost")

    return pay


def lost(guard: Guard, effects: list[str]) -> tuple[ProposalDesk, App, str]:
    """Pay once, of which nobody knows; return a desk that holds the tool, and the call's key."""
    pay = paying(effects)
    assert guard.run(call_of(pay, {"to": "shop", "amount": 1}), pay).outcome == "unknown"
    desk = ProposalDesk(guard, {"billing": [pay]})
    return desk, desk.compile(InMemorySaver()), guard.calls.list(in_doubt=True)[0].key


@pytest.mark.parametrize("way", ["sync", "async"])
def test_what_took_effect_is_not_proposed_anew(guard: Guard, way: str) -> None:
    """It would be done twice."""
    effects: list[str] = []
    desk, app, key = lost(guard, effects)

    def retry() -> object:
        if way == "sync":
            return desk.retry(app, key, by=MANAGER, requester=CLERK)
        return asyncio.run(desk.aretry(app, key, by=MANAGER, requester=CLERK))

    with pytest.raises(CallError, match="the system was asked and knows what came of it: paid"):
        retry()

    assert effects == ["shop"]
    assert guard.calls.find(key).state == "succeeded"
    assert not list(guard.ledger.records("t", "proposal.made"))


def test_a_desk_asks_what_came_of_a_call(guard: Guard) -> None:
    """And where that is known, it stays so."""
    desk, _, key = lost(guard, [])

    assert desk.reconcile(key).content == "paid shop"
    assert desk.reconcile(key).state == "succeeded"
