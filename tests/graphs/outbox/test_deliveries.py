"""Whoever answers in the database wakes the thread that waits, once, as whoever asked."""

from dataclasses import replace
from typing import Any

from langchain_core.messages import AnyMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import PregelTask, StateSnapshot
from tests.graphs.till import (
    MANAGER,
    Till,
    delivered,
    let_pass,
    open_till,
)
from tests.tools.governed import RULES, load_policy
from tests.tools.people.due import claim_next

from bailiwick.graphs.outbox.deliveries import App, deliver
from bailiwick.graphs.outbox.waiting import FORGOTTEN, next_move
from bailiwick.policies import Policy
from bailiwick.policies.answers import Approve
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.deliveries import GRACE, Deliveries


def test_nothing_is_delivered_where_nothing_was_answered(till: Till) -> None:
    """An empty ledger, and a thread whose request is open."""
    assert delivered(till) == []
    till.ask()
    assert delivered(till) == []
    assert till.book.paid() == []


def test_an_approval_given_elsewhere_resumes_the_thread_once(till: Till) -> None:
    """The effect is there once, however often deliveries are made."""
    (approval,) = till.ask()
    till.approve(approval)
    assert till.book.paid() == []

    (report,) = deliver(till.app, till.guard)

    assert (report.thread, report.outcome) == ("t", "resumed")
    assert [each.request.id for each in report.approvals] == [approval.request.id]
    assert till.is_done()
    assert till.book.paid() == [("shop", "140.00")]
    assert delivered(till) == []
    assert Deliveries(till.guard.ledger).list() == ()


def test_of_two_requests_in_one_turn_each_is_resumed_when_it_is_answered(till: Till) -> None:
    """The other keeps waiting, and no run without input answers it with what came for the first."""
    first, second = till.ask(text="pay 140 to shop, 150 to bank")
    till.approve(first)
    assert delivered(till) == ["resumed"]
    assert [each.value["id"] for each in till.waiting()] == [second.request.id]
    till.run(None)
    till.run(None, who=MANAGER)
    ((to, _),) = till.book.paid()
    assert to == first.request.args["to"]

    till.approve(second)
    assert delivered(till) == ["resumed"]
    assert sorted(till.book.paid()) == [("bank", "150.00"), ("shop", "140.00")]
    assert till.is_done()


def test_two_requests_answered_together_are_one_run(till: Till) -> None:
    """A thread is not run twice at once by its own outbox."""
    till.approve(*till.ask(text="pay 140 to shop, 150 to bank"))
    assert delivered(till) == ["resumed"]
    assert sorted(till.book.paid()) == [("bank", "150.00"), ("shop", "140.00")]
    assert till.is_done()


def test_what_a_thread_asks_for_next_is_still_its_requester_s(till: Till) -> None:
    """So the one who answered first may answer again, and the one who asked may not."""
    till.approve(*till.ask(text="pay 140 to shop then 150 to bank"))
    assert delivered(till) == ["resumed"]
    (following,) = till.guard.approvals.pending("t")
    assert following.request.requester == "customer"
    till.approve(following)
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "140.00"), ("bank", "150.00")]


def test_what_was_answered_through_langgraph_is_not_run_again(till: Till) -> None:
    """The outbox looks after the thread when its own run had time, and finds it done."""
    till.ask()
    till.answer(type="approve")
    assert delivered(till) == []
    let_pass(till.guard.ledger, GRACE)
    assert delivered(till) == ["passed"]
    assert till.book.paid() == [("shop", "140.00")]


def test_an_answer_that_was_taken_before_its_run_died_is_delivered(till: Till) -> None:
    """The record says approved, the thread still waits: after a while somebody sees to it."""
    (approval,) = till.ask()
    answer = Approve(action_digest=approval.request.digest)
    till.guard.approvals.take(approval, answer, by=MANAGER)
    assert delivered(till) == []
    let_pass(till.guard.ledger, GRACE)
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "140.00")]


def test_an_answer_that_is_faster_than_the_interrupt_is_not_lost(till: Till) -> None:
    """A request is written before LangGraph has kept its interrupt: a bot may answer in between."""
    (approval,) = till.ask()
    till.approve(approval)
    other = open_till(till.guard, till.book, InMemorySaver(), till.model)
    assert [report.outcome for report in deliver(other, till.guard)] == ["postponed"]
    assert till.book.paid() == []
    let_pass(till.guard.ledger, 2)
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "140.00")]


def test_a_thread_that_is_gone_is_given_up_after_a_day(till: Till) -> None:
    """Until then the address of the checkpoints may just be wrong."""
    till.approve(*till.ask())
    checkpointer: Any = till.app.checkpointer
    checkpointer.delete_thread("t")
    for outcome, later in (("postponed", GRACE), ("postponed", FORGOTTEN), ("passed", 1)):
        (report,) = deliver(till.app, till.guard)
        assert report.outcome == outcome
        if outcome == "postponed":
            assert report.reason == "the checkpoints do not know the thread"
        let_pass(till.guard.ledger, later)
    assert till.book.paid() == []


def test_a_new_message_in_the_thread_leaves_nothing_to_deliver(till: Till) -> None:
    """The old request is withdrawn by the run that takes the message."""
    till.approve(*till.ask())
    till.run({"messages": [("user", "pay 1 to bank")]})
    let_pass(till.guard.ledger, GRACE)
    assert delivered(till) == ["passed"]
    assert ("shop", "140.00") not in till.book.paid()


def test_a_call_under_other_rules_is_asked_about_anew(till: Till, policy: Policy) -> None:
    """The answer was for the old rules: the thread waits again, and nothing ran."""
    (approval,) = till.ask()
    till.approve(approval)
    guard = Guard(
        policy=load_policy(RULES.replace("it is much", "it is too much for one")),
        ledger=till.guard.ledger,
    )
    assert guard.policy.version != policy.version
    app = open_till(guard, till.book, till.app.checkpointer, till.model)  # type: ignore[arg-type]  # it has one
    assert [report.outcome for report in deliver(app, guard)] == ["resumed"]
    assert till.book.paid() == []
    (anew,) = guard.approvals.pending("t")
    assert anew.request.id != approval.request.id
    till.approve(anew)
    assert [report.outcome for report in deliver(app, guard)] == ["resumed"]
    assert till.book.paid() == [("shop", "140.00")]


def test_only_one_thread_is_looked_after_where_one_is_named(till: Till) -> None:
    """As `bailiwick run` does for its own."""
    for thread in ("a", "b"):
        till.approve(*till.ask(thread))
    assert delivered(till, thread="b") == ["resumed"]
    assert till.waiting("a") != []
    assert till.is_done("b")


def test_each_step_can_be_watched(till: Till) -> None:
    """Those of agents included."""
    steps: list[str] = []
    till.approve(*till.ask())
    delivered(till, watch=steps.extend)
    assert steps == ["approval", "model", "billing"]


def test_a_tool_node_s_calls_wait_for_their_own_answers(till: Till) -> None:
    """All of them are one task there, which shows one question at a time, in no certain order."""
    foreign = replace(till, app=_foreign(till))
    foreign.ask(text="pay 140 to shop, 150 to bank")
    for _ in range(2):
        for approval in foreign.guard.approvals.pending():
            assert len(foreign.waiting()) == 1
            foreign.approve(approval)
            delivered(foreign)
    assert sorted(foreign.book.paid()) == [("bank", "150.00"), ("shop", "140.00")]
    assert foreign.is_done()


def _foreign(till: Till) -> App:
    def think(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [till.model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("model", think)
    graph.add_node("tools", ToolNode(till.guard.bind([till.book.tool()], agent="billing")))
    graph.add_edge(START, "model").add_edge("tools", "model")
    graph.add_conditional_edges("model", tools_condition)
    return graph.compile(checkpointer=InMemorySaver())


def test_a_step_that_was_written_and_did_not_end_is_gone_on_with(till: Till) -> None:
    """A task that has written is no longer shown as next, though its step has not ended."""
    (approval,) = till.ask()
    till.approve(approval)
    (claim,) = [claim_next(Deliveries(till.guard.ledger))]
    assert claim is not None
    task = PregelTask(id="1", name="approval", path=(), result={})
    broken_off = StateSnapshot({}, (), {}, None, "2026-01-01", None, (task,), ())
    assert next_move(broken_off, replace(claim, attempts=1)).kind == "run"
    assert next_move(broken_off, claim).kind == "look"
