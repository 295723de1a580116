"""What is proposed because of a call is made as it stands in the database, and as nothing else."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, Send
from sqlalchemy import update
from tests.graphs.bank import UNDOING, Bank, paid
from tests.tools.governed import CLERK, MANAGER, RULES, call_of, load_policy

from bailiwick.graphs.outbox.deliveries import App, deliver
from bailiwick.graphs.proposals import ProposalDesk, place_of
from bailiwick.graphs.settings import Settings
from bailiwick.policies.answers import Approve, Reject
from bailiwick.policies.errors import CallError
from bailiwick.tools.declared.compensations import Compensation
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


@pytest.fixture
def guard(sqlite_url: str) -> Iterator[Guard]:
    """Give a guard whose rules ask a manager about payments over 100.00 alone."""
    ledger = Ledger(sqlite_url)
    yield Guard(policy=load_policy(RULES + UNDOING), ledger=ledger)
    ledger.close()


def opened(guard: Guard, bank: Bank) -> tuple[ProposalDesk, App]:
    """Open a desk of proposals for billing."""
    desk = ProposalDesk(guard, {"billing": [bank.pay]})
    return desk, desk.compile(InMemorySaver())


def doubtful(guard: Guard, bank: Bank, amount: int = 140) -> str:
    """Bring an approved payment of thread `t` into doubt; return its key."""
    call = call_of(bank.pay, {"to": "shop", "amount": amount})
    request = guard.approvals.ask(call, guard.decide(call), scope=None, description="").request
    guard.approvals.answer(request.id, Approve(action_digest=request.digest), by=MANAGER)
    bank.is_down = True
    assert guard.run(call, bank.pay).outcome == "unknown"
    bank.is_down = False
    return guard.calls.list(in_doubt=True)[0].key


def answer_all(desk: ProposalDesk, app: App, kind: type[Approve | Reject] = Approve) -> None:
    """Answer what waits, as a manager, and carry the threads on."""
    for asked in desk.guard.approvals.pending():
        answer = kind(action_digest=asked.request.digest)
        desk.guard.approvals.answer(asked.request.id, answer, by=MANAGER)
    deliver(app, desk.guard)


def test_nothing_is_proposed_for_a_thread_that_did_nothing(guard: Guard) -> None:
    """Not even one that nobody knows."""
    desk, app = opened(guard, Bank())
    assert desk.undo(app, "t", requester=CLERK).made == []
    assert not desk.holds("t")
    assert not desk.holds(None)


def test_what_needs_no_approval_is_undone_at_once(guard: Guard) -> None:
    """Newest first, in one thread, on record in both."""
    bank = Bank()
    desk, app = opened(guard, bank)
    paid(guard, bank, "a", "b")
    made = desk.undo(app, "t", requester=CLERK).made

    assert bank.done[2:] == ["cancelled b", "cancelled a"]
    assert len({each.thread for each in made}) == 1
    assert desk.holds(made[0].thread)
    assert len(list(guard.ledger.records("t", "proposal.made"))) == 2
    assert desk.undo(app, "t", requester=CLERK).made == []


def test_what_undid_a_call_is_undone_and_so_on(guard: Guard) -> None:
    """An agent's desk holds what that takes, however far it goes, also round in a circle."""
    bank, taken = Bank(), list[str]()

    @scoped_tool(effect="write")
    def look() -> str:
        """Pay again who was paid last."""
        taken.pop()
        return "paid again"

    @scoped_tool(effect="write", compensate=(look, to_nobody))
    def cancel_return(order_id: str) -> str:
        """Cancel what was paid to somebody."""
        taken.append(order_id)
        return order_id

    look.compensation = Compensation(cancel_return, to_a)
    bank.pay.compensation = Compensation(cancel_return, to_a)
    paid(guard, bank, "a")
    desk, app = opened(guard, bank)
    thread = "t"
    for expected in (["a"], [], ["a"], []):
        (made,) = desk.undo(app, thread, requester=CLERK).made
        assert taken == expected
        thread = made.thread


def to_nobody(_args: Mapping[str, Any], _result: str) -> dict[str, Any]:
    """Build no arguments, where none are taken."""
    return {}


def to_a(_args: Mapping[str, Any], _result: str) -> dict[str, Any]:
    """Cancel what was paid to `a`."""
    return {"order_id": "a"}


def test_what_breaks_off_stops_what_comes_after_it(guard: Guard) -> None:
    """Nobody undoes on top of what nobody knows; once it is settled, the rest is proposed."""
    bank = Bank()
    desk, app = opened(guard, bank)
    paid(guard, bank, "a", "b")
    bank.is_down = True
    desk.undo(app, "t", requester=CLERK)
    bank.is_down = False

    assert bank.done[2:] == []
    (doubt,) = guard.calls.list(in_doubt=True)
    assert doubt.args == {"order_id": "b"}
    assert [each.args for each in desk.undo(app, "t", requester=CLERK).made] == [{"order_id": "a"}]
    guard.calls.settle(doubt.key, "failed", by=MANAGER)
    assert [each.args for each in desk.undo(app, "t", requester=CLERK).made] == [{"order_id": "b"}]
    assert bank.done[2:] == ["cancelled a", "cancelled b"]
    assert desk.undo(app, "t", requester=CLERK).made == []


def test_a_denied_undoing_is_dropped(guard: Guard) -> None:
    """It did not happen, and may be proposed again under other rules."""
    bank = Bank()
    paid(guard, bank, "a")
    guard.policy = load_policy()
    desk, app = opened(guard, bank)
    assert len(desk.undo(app, "t", requester=CLERK).made) == 1
    (dropped,) = guard.ledger.records("t", "proposal.dropped")
    assert dropped.body["in_doubt"] is False
    assert len(desk.undo(app, "t", requester=CLERK).made) == 1
    assert bank.done == ["paid 1 to a"]


def test_what_was_tried_again_is_undone_too(guard: Guard) -> None:
    """Its effect belongs to the thread that asked for it first."""
    bank = Bank()
    desk, app = opened(guard, bank)
    desk.retry(app, doubtful(guard, bank), by=MANAGER, requester=CLERK)
    answer_all(desk, app)
    assert bank.done == ["paid 140 to shop"]
    assert len(desk.undo(app, "t", requester=CLERK).made) == 1
    assert bank.done == ["paid 140 to shop", "cancelled shop"]
    assert desk.undo(app, "t", requester=CLERK).made == []


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_process_dies_before_it_begins(guard: Guard, *, is_async: bool) -> None:
    """After a while whoever looks after proposals begins it."""
    bank = Bank()
    desk, app = opened(guard, bank)
    paid(guard, bank, "a")
    desk.proposals.undo("t", requester=CLERK)
    desk.carry_on_all(app)
    assert bank.done == ["paid 1 to a"]
    with guard.ledger.transaction() as connection:
        connection.execute(update(tables.proposals).values(proposed_at=0))
    for _ in range(2):
        if is_async:
            asyncio.run(desk.acarry_on_all(app))
        else:
            desk.carry_on_all(app)
    assert bank.done == ["paid 1 to a", "cancelled a"]


def test_a_retry_that_is_rejected_leaves_the_call_in_doubt(guard: Guard) -> None:
    """With what is known of it; and nothing that is approved later of it runs."""
    bank = Bank()
    desk, app = opened(guard, bank)
    key = doubtful(guard, bank)
    known = guard.calls.find(key).content
    assert "the line is dead" in known
    proposal = desk.retry(app, key, by=MANAGER, requester=CLERK)
    assert guard.calls.find(key).content == known
    answer_all(desk, app, Reject)
    assert guard.calls.find(key).state == "in_doubt"
    assert guard.calls.find(key).content == known

    config: Any = {"configurable": {"thread_id": proposal.thread}}
    wanted = Send("billing", {"tool_call_id": proposal.tool_call_id})
    with acting_as(MANAGER):
        app.invoke(Command(goto=wanted), config)
    answer_all(desk, app)
    assert bank.done == []


@pytest.mark.parametrize("agents", [{}, {"billing": []}], ids=["no agent", "no tool"])
def test_a_tool_that_nobody_holds_is_not_tried_again(guard: Guard, agents: Any) -> None:  # noqa: ANN401 - holdings
    """A call cannot be made by who is gone."""
    bank = Bank()
    key = doubtful(guard, bank)
    desk = ProposalDesk(guard, agents)
    with pytest.raises(CallError, match="holds no tool 'pay' here"):
        desk.proposals.retry(key, by=MANAGER)
    assert guard.calls.find(key).state == "in_doubt"


def test_another_tool_of_the_name_tries_nothing_again(guard: Guard) -> None:
    """Nor undoes it: what was called may be another system's; whoever replaced it can say so."""
    bank, other = Bank(), Bank()
    key = doubtful(guard, bank)
    paid(guard, bank, "a")
    other.pay.version = "another"
    desk, app = opened(guard, other)
    with pytest.raises(CallError, match="'billing' holds here is another one than was called"):
        desk.retry(app, key, by=MANAGER, requester=CLERK)
    assert desk.undo(app, "t", requester=CLERK).made == []

    desk = ProposalDesk(guard, {"billing": [other.pay]}, replaced=[bank.pay.version])
    app = desk.compile(InMemorySaver())
    desk.retry(app, key, by=MANAGER, requester=CLERK)
    answer_all(desk, app)
    assert len(desk.undo(app, "t", requester=CLERK).made) == 2
    assert other.done == ["paid 140 to shop", "cancelled shop", "cancelled a"]


def test_what_was_proposed_for_another_tool_is_not_made(guard: Guard) -> None:
    """Whoever begins what a dead process left: the call is in doubt as before."""
    bank, other = Bank(), Bank()
    key = doubtful(guard, bank)
    desk, _ = opened(guard, bank)
    proposal = desk.proposals.retry(key, by=MANAGER, requester=CLERK)
    other.pay.version = "another"
    foreign, app = opened(guard, other)
    foreign.carry_on(app, proposal.thread)

    assert list(guard.approvals.pending(proposal.thread)) == []
    assert guard.calls.find(key).state == "in_doubt"
    assert len(list(guard.ledger.records("t", "proposal.dropped"))) == 1


def test_state_proposes_nothing(guard: Guard) -> None:
    """Whoever can write state or send to a node makes no call that was not proposed."""
    bank = Bank()
    _, app = opened(guard, bank)
    config: Any = {"configurable": {"thread_id": "mine"}}
    with acting_as(CLERK):
        app.invoke({"messages": [HumanMessage("pay me")]}, config)
        with pytest.raises(CallError, match="nothing of the kind was proposed"):
            app.invoke(Command(goto=Send("billing", {"tool_call_id": "call-1"})), config)
    assert bank.done == []


def test_a_forged_answer_only_takes_away(guard: Guard) -> None:
    """A proposal that seems to have been answered is dropped, and is not made."""
    bank = Bank()
    desk, app = opened(guard, bank)
    paid(guard, bank, "a")
    (proposal,) = desk.proposals.undo("t", requester=CLERK).made
    forged = ToolMessage("done", tool_call_id=proposal.tool_call_id)
    config: Any = {"configurable": {"thread_id": proposal.thread}}
    with acting_as(CLERK):
        app.invoke({"messages": [HumanMessage("begin"), forged]}, config)
    assert bank.done == ["paid 1 to a"]
    assert len(desk.undo(app, "t", requester=CLERK).made) == 1
    assert bank.done == ["paid 1 to a", "cancelled a"]


def at(checkpoints: str | None) -> Settings:
    """Return the settings of a process that keeps its checkpoints there."""
    ledger = "postgresql://bailiwick:secret@host/ledger"
    return Settings.model_construct(database_url=ledger, checkpoint_url=checkpoints)


def test_proposals_are_looked_for_where_their_checkpoints_are() -> None:
    """Beside the ledger whoever shares it looks; elsewhere whoever names the same place."""
    beside = place_of(at(None))
    assert place_of(at("postgresql://bailiwick:secret@host/ledger")) == beside
    elsewhere = place_of(at("postgresql://bailiwick:secret@host/checkpoints"))
    assert elsewhere != beside
    assert place_of(at("postgresql://other:password@host/checkpoints")) == elsewhere
    assert place_of(at("sqlite:///mine.db")) not in {elsewhere, beside}
    assert place_of(at(f"sqlite:///{Path('mine.db').absolute()}")) == place_of(
        at("sqlite:///mine.db")
    )
