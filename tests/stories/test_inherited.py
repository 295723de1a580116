"""Promises 1 and 2: whoever calls whom, each call goes through the guard, question and all."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from langgraph_supervisor import create_handoff_tool
from pydantic import ValidationError
from tests.stories.answers import decision
from tests.stories.desk import Desk, Thread
from tests.stories.engines import App
from tests.stories.leasing import REFUND
from tests.stories.people import CUSTOMER, MANAGER, ORDER, REQUEST
from tests.stories.rules import changed_policy
from tests.stories.scripts import asks

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Script
from bailiwick.agents.specialist import Specialist, create_specialist
from bailiwick.graphs import create_supervisor
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.guard import Guard

ASKS_BILLING = ("look_up_order", "ask_billing")
ANYBODY_DELEGATES = (
    'principal == Agent::"supervisor",\n    action == Action::"delegate"',
    'principal,\n    action == Action::"delegate"',
)


def specialist(desk: Desk, script: Script, *tools: Any, name: str = "billing") -> Specialist:  # noqa: ANN401 - tools
    """Make an agent that says what a script says."""
    return create_specialist(
        name, model=ScriptedModel(script=script), tools=tools, guard=desk.guard
    )


def billing(desk: Desk) -> Specialist:
    """Make the agent that asks for the refund at once."""
    return specialist(desk, asks(REFUND), desk.tools.issue_refund)


def asking_billing(desk: Desk) -> Specialist:
    """Make a specialist in one of whose tools billing runs."""
    inner = billing(desk)

    @scoped_tool(effect="read")
    def ask_billing(order_id: str) -> str:
        """Ask billing to refund an order."""
        done = inner.invoke({"messages": [HumanMessage(f"Refund 5.00 of order {order_id}")]})
        return str(done["messages"][-1].text)

    return specialist(desk, asks(("ask_billing", {"order_id": ORDER})), ask_billing, name="orders")


def supervise(desk: Desk, agent: App, name: str = "supervisor") -> StateGraph[Any, Any, Any, Any]:
    """Put an agent below a supervisor that hands over to it at once."""
    model = ScriptedModel(script=asks((f"transfer_to_{agent.name}", {})))
    return create_supervisor([agent], model=model, guard=desk.guard, supervisor_name=name)


def inside_a_specialist(desk: Desk) -> StateGraph[Any, Any, Any, Any]:
    """Put billing into a tool of another specialist."""
    return asking_billing(desk).builder


def inside_a_specialist_below_a_supervisor(desk: Desk) -> StateGraph[Any, Any, Any, Any]:
    """Put that below a supervisor."""
    return supervise(desk, asking_billing(desk))


def below_two_supervisors(desk: Desk) -> StateGraph[Any, Any, Any, Any]:
    """Put billing below a supervisor below a supervisor."""
    office = supervise(desk, billing(desk), name="orders").compile(name="orders")
    return supervise(desk, office)


def inside_a_foreign_graph(desk: Desk) -> StateGraph[Any, Any, Any, Any]:
    """Make billing a node of a graph that knows nothing of guards."""
    graph = StateGraph(MessagesState)
    graph.add_node("work", billing(desk))
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    return graph


Build = Callable[[Desk], StateGraph[Any, Any, Any, Any]]
PLACES: dict[Build, list[str]] = {
    inside_a_specialist: ["orders"],
    inside_a_specialist_below_a_supervisor: ["supervisor", "orders"],
    below_two_supervisors: ["supervisor", "orders"],
    inside_a_foreign_graph: [],
}
"""Where billing is put, and the agents above it that the question names."""


@pytest.fixture(params=PLACES)
def build(request: pytest.FixtureRequest) -> Build:
    """Give each place in turn."""
    function: Build = request.param
    return function


@pytest.fixture
def thread(desk: Desk, build: Build, tmp_path: Path) -> Thread:
    """Give a thread of a graph in which billing is at that place."""
    policy = changed_policy(tmp_path, ASKS_BILLING, ANYBODY_DELEGATES)
    guard = Guard(policy=policy, ledger=desk.guard.ledger, vault=desk.guard.vault)
    graph = build(replace(desk, guard=guard))
    return desk.thread(graph.compile(checkpointer=desk.engine.checkpointer))


def test_a_refund_is_asked_about_wherever_it_arises(
    desk: Desk, thread: Thread, build: Build
) -> None:
    """And is made once when it was approved, however often it is answered and run."""
    interrupt = thread.ask(REQUEST)
    assert desk.refunded == []
    assert interrupt.value["agent"] == "billing"
    assert interrupt.value["chain"] == PLACES[build]
    assert interrupt.value["requester"] == CUSTOMER.id

    for _ in range(2):
        thread.run(None)
        thread.answer(interrupt)

    assert desk.refunded == [500]
    assert len(thread.records("approval.consumed")) == 1
    assert thread.is_done()


def test_a_scalar_answer_wherever_it_is_asked(desk: Desk, thread: Thread) -> None:
    """LangGraph gives it to whatever waits below: it counts for the call it names, once."""
    interrupt = thread.ask(REQUEST)
    for _ in range(2):
        with suppress(ValueError):
            thread.run(Command(resume=decision(interrupt)), MANAGER)
            thread.run(None, MANAGER)

    assert desk.refunded == [500]


def test_somebody_elses_answer_wherever_it_is_asked(desk: Desk, thread: Thread) -> None:
    """It is refused to whoever gave it, and the question stays open."""
    interrupt = thread.ask(REQUEST)
    with pytest.raises(ValidationError, match="may not answer"):
        thread.answer(interrupt, CUSTOMER)
    assert desk.refunded == []

    thread.answer(interrupt)
    assert desk.refunded == [500]


def test_a_no_wherever_it_is_asked(desk: Desk, thread: Thread) -> None:
    """It reaches the agent that asked, and nothing is refunded."""
    interrupt = thread.ask(REQUEST)
    thread.answer(interrupt, kind="reject", message="not this one")
    with suppress(ValueError):
        thread.answer(interrupt)

    assert desk.refunded == []
    assert len(thread.records("approval.answered")) == 1
    assert thread.records("lease.granted") == []


def test_a_hand_off_of_somebody_elses_making(desk: Desk) -> None:
    """It would lead past the decision about hand-offs, so a guarded supervisor does not take it."""
    foreign = create_handoff_tool(agent_name="billing")
    model = ScriptedModel(script=asks(("transfer_to_billing", {})))

    with pytest.raises(ValueError, match="transfer_to_billing"):
        create_supervisor([billing(desk)], model=model, tools=[foreign], guard=desk.guard)
