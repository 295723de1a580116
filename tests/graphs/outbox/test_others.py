"""Several graphs deliver out of one ledger: what one cannot carry it leaves as it is."""

from dataclasses import replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Send
from tests.graphs.till import REQUEST, Till, delivered, let_pass, open_till
from tests.tools.people.due import approve, ask

from bailiwick.agents.specialist import create_specialist
from bailiwick.agents.state import AgentState
from bailiwick.graphs.outbox.deliveries import App, Aside, adeliver, deliver
from bailiwick.graphs.outbox.waiting import FORGOTTEN
from bailiwick.graphs.outbox.whereabouts import find
from bailiwick.tools.people.deliveries import GRACE, Deliveries

MANY = 101
"""More than are read out of the outbox at once."""


def stand(state: AgentState) -> dict[str, object]:
    """Change nothing, as a node."""
    del state
    return {}


def beside(till: Till, node: str = "counter") -> Till:
    """Give another graph on the same ledger and checkpoints."""
    checkpointer: Any = till.app.checkpointer
    return replace(till, app=open_till(till.guard, till.book, checkpointer, till.model, node))


def test_another_graph_s_thread_is_left_as_it_is(till: Till) -> None:
    """However long ago it was answered: its own deliverer finds it at once."""
    till.approve(*till.ask())
    let_pass(till.guard.ledger, FORGOTTEN)
    before = Deliveries(till.guard.ledger).list()

    (report,) = deliver(beside(till).app, till.guard)

    assert (report.thread, report.outcome) == ("t", "left")
    assert [each.state for each in report.approvals] == ["approved"]
    assert Deliveries(till.guard.ledger).list() == before
    assert delivered(till) == ["resumed"]
    assert till.book.paid() == [("shop", "140.00")]


async def test_it_is_left_on_an_event_loop_too(till: Till) -> None:
    """By `adeliver`, with checkpoints in memory."""
    app = open_till(till.guard, till.book, InMemorySaver(), till.model)
    here = replace(till, app=app)
    here.approve(*here.ask())
    let_pass(till.guard.ledger, GRACE)
    reports = await adeliver(beside(here).app, till.guard)
    reports += await adeliver(app, till.guard)
    assert [each.outcome for each in reports] == ["left", "resumed"]


def test_a_thread_that_waits_where_it_was_sent_is_another_graph_s(till: Till) -> None:
    """As those of proposals do: their nodes stand in no channel's name."""

    def sends(node: str) -> App:
        def send(state: AgentState) -> list[Send]:
            return [Send(node, state)]

        agent = create_specialist(
            "billing", model=till.model, tools=[till.book.tool()], guard=till.guard
        )
        graph = StateGraph(AgentState).add_node("step", stand).add_edge(START, "step")
        graph.add_node(node, agent)
        graph.add_conditional_edges("step", send, [node])
        checkpointer: Any = till.app.checkpointer
        return graph.compile(checkpointer=checkpointer)

    sent = replace(till, app=sends("billing"))
    sent.approve(*sent.ask())
    let_pass(till.guard.ledger, GRACE)
    assert [each.outcome for each in deliver(sends("counter"), till.guard)] == ["left"]
    assert delivered(sent) == ["resumed"]


def test_what_was_answered_in_langgraph_is_ended_by_its_own_graph(till: Till) -> None:
    """The other does not know whether it is over."""
    till.ask()
    till.answer(type="reject")
    let_pass(till.guard.ledger, GRACE)
    assert delivered(beside(till)) == ["left"]
    assert delivered(till) == ["passed"]


def test_a_thread_that_is_not_known_here_is_not_put_off_for_others(till: Till) -> None:
    """Such as another server's: it may be known there."""
    till.approve(*till.ask())
    before = Deliveries(till.guard.ledger).list()
    other = open_till(till.guard, till.book, InMemorySaver(), till.model)
    assert [each.outcome for each in deliver(other, till.guard)] == ["postponed"]
    assert Deliveries(till.guard.ledger).list() == before
    assert delivered(till) == ["resumed"]


def test_what_is_left_to_others_keeps_no_thread_waiting(till: Till) -> None:
    """Neither does it count where a number is given."""
    for number in range(MANY):
        approve(till.guard.approvals, ask(till.guard.approvals, thread=f"other-{number}"))
    till.approve(*till.ask())
    reports = deliver(till.app, till.guard, limit=1)
    assert [each.outcome for each in reports] == ["postponed"] * MANY + ["resumed"]


def test_who_keeps_what_was_left_is_told_of_it_once(till: Till) -> None:
    """And looks at a thread at once whose next question has ended."""
    till.approve(*till.ask(text=f"{REQUEST} then 150 to bank"))
    other, aside = beside(till), Aside()
    assert delivered(other, aside=aside) == ["left"]
    assert delivered(other, aside=aside) == []
    assert delivered(till) == ["resumed"]
    till.approve(*till.guard.approvals.pending())
    assert delivered(other, aside=aside) == ["left"]


@pytest.mark.parametrize(
    ("nodes", "whereabouts"),
    [
        pytest.param(("first", "second"), "here", id="the same"),
        pytest.param(("first", "second", "third"), "here", id="one more"),
        pytest.param(("second",), "here", id="one less, where it does not wait"),
        pytest.param(("first",), "elsewhere", id="one less, where it waits"),
    ],
)
def test_a_graph_that_was_changed_knows_its_threads(
    nodes: tuple[str, ...], whereabouts: str
) -> None:
    """As long as it has the nodes that are to run."""
    checkpointer = InMemorySaver()
    made = _row(("first", "second"), checkpointer)
    made.invoke({"messages": []}, {"configurable": {"thread_id": "t"}})
    assert find(_row(nodes, checkpointer), "t") == whereabouts
    assert find(_row(nodes, InMemorySaver()), "t") == "nowhere"


def _row(nodes: tuple[str, ...], checkpointer: InMemorySaver) -> App:
    graph = StateGraph(AgentState)
    for before, node in zip((START, *nodes), nodes, strict=False):
        graph.add_node(node, stand)
        graph.add_edge(before, node)
    return graph.compile(
        checkpointer=checkpointer, interrupt_before=["second"] * ("second" in nodes)
    )
