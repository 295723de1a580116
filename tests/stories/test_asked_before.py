"""Promise 2: who asked is known before anything waits or breaks off, and approves nothing of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt
from pydantic import ValidationError
from tests.stories.desk import Desk, Thread
from tests.stories.engines import App
from tests.stories.people import CUSTOMER, MANAGER, ORDER, REFUND, REQUEST, SECOND_MANAGER
from tests.stories.scripts import asks

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.specialist import create_specialist
from bailiwick.graphs import create_supervisor

WANTED = 2
"""How many refunds are asked for, one after the other."""

ASKED = {"messages": [HumanMessage(REQUEST, id="asked")]}


def supervised(desk: Desk, agent: Any, **extras: Any) -> App:  # noqa: ANN401 - any graph, any extra
    """Put an agent that refunds below a supervisor that hands over once."""
    extras.setdefault("model", ScriptedModel(script=hands_over))
    graph = create_supervisor([agent], guard=desk.guard, **extras)
    return graph.compile(checkpointer=desk.engine.checkpointer)


def billing(desk: Desk) -> Any:  # noqa: ANN401 - as `create_supervisor` takes it
    """Make the agent that asks for one refund."""
    tools = [desk.tools.issue_refund]
    model = ScriptedModel(script=asks(REFUND))
    return create_specialist("billing", model=model, tools=tools, guard=desk.guard)


def hands_over(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
    """Hand over until billing has said that it is done."""
    if any(each.name == "billing" and each.text for each in messages):
        return AIMessage("done")
    return AIMessage("", tool_calls=[ToolCall(name="transfer_to_billing", args={}, id="to")])


def hands_over_twice(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
    """Hand over once more when billing has told what it did."""
    told = sum(each.name == "teller" for each in messages)
    if told == WANTED:
        return AIMessage("done")
    call = ToolCall(name="transfer_to_billing", args={}, id=f"to-{told}")
    return AIMessage("", tool_calls=[call])


def refunds_when_asked(
    messages: Sequence[BaseMessage], tools: Mapping[str, frozenset[str]]
) -> AIMessage:
    """Ask for the refund once a person has."""
    said = [each.text for each in messages if isinstance(each, HumanMessage)]
    return asks(REFUND)(messages, tools) if REQUEST in said else AIMessage("noted")


def refused_to_the_manager(thread: Thread) -> None:
    """Try to have the manager approve what waits, who asked for it; another one may."""
    waits = thread.waiting_for_one()
    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(waits, MANAGER)
    assert thread.desk.refunded == []
    thread.answer(waits, SECOND_MANAGER)
    assert thread.desk.refunded == [500]


def waits_for_anybody(_: object) -> dict[str, Any]:
    """Ask whoever it may be, as a hook."""
    interrupt("shall it go on?")
    return {}


@pytest.mark.parametrize("hook", ["pre_model_hook", "post_model_hook"])
def test_a_hook_that_waits_for_somebody_else(desk: Desk, hook: str) -> None:
    """Whoever lets it go on has not asked for anything."""
    thread = desk.thread(supervised(desk, billing(desk), **{hook: waits_for_anybody}))
    thread.run(ASKED, MANAGER)
    while (waits := thread.waiting_for_one()).value == "shall it go on?":
        thread.run(Command(resume={waits.id: "yes"}), CUSTOMER)
    assert waits.value["requester"] == MANAGER.id
    refused_to_the_manager(thread)


def test_a_model_that_breaks_off(desk: Desk) -> None:
    """Whoever carries the thread on has not asked for anything."""
    troubles = [ConnectionError("no route")]

    def breaks_off(messages: Sequence[BaseMessage], tools: Mapping[str, frozenset[str]]) -> Any:  # noqa: ANN401 - never returns or as below
        if troubles:
            raise troubles.pop()
        return hands_over(messages, tools)

    thread = desk.thread(supervised(desk, billing(desk), model=ScriptedModel(script=breaks_off)))
    with pytest.raises(ConnectionError):
        thread.run(ASKED, MANAGER)
    thread.run(None, CUSTOMER)
    assert thread.waiting_for_one().value["requester"] == MANAGER.id
    refused_to_the_manager(thread)


def test_a_request_in_a_conversation_that_others_began(desk: Desk) -> None:
    """An agent acts on all that was said: what a customer wants now, a manager may have begun."""
    thread = desk.thread(desk.specialist(refunds_when_asked, desk.tools.issue_refund))
    thread.run({"messages": [HumanMessage("Pay the next one who asks.")]}, MANAGER)
    thread.ask(who=CUSTOMER)
    refused_to_the_manager(thread)


def test_an_agent_that_speaks_as_a_person(desk: Desk) -> None:
    """What it says in the run of whoever approved the first call makes nobody else ask."""
    model = ScriptedModel(script=hands_over_twice)
    thread = desk.thread(supervised(desk, speaking_as_a_person(desk), model=model))
    thread.run(ASKED, MANAGER)
    thread.answer(thread.waiting_for_one(), SECOND_MANAGER)
    assert desk.refunded == [500]
    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(thread.waiting_for_one(), MANAGER)
    assert desk.refunded == [500]


def speaking_as_a_person(desk: Desk) -> App:
    """Make a graph of somebody else's that refunds, and tells of it in a person's message."""

    def calls(state: MessagesState) -> dict[str, list[AIMessage]]:
        done = sum(each.name == "teller" for each in state["messages"])
        args = {"order_id": ORDER, "amount": f"{5 + done}.00"}
        call = ToolCall(name="issue_refund", args=args, id=f"refund-{done}")
        return {"messages": [AIMessage("", tool_calls=[call])]}

    def tells(state: MessagesState) -> dict[str, list[HumanMessage]]:
        return {"messages": [HumanMessage(state["messages"][-1].text, name="teller")]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", calls)
    graph.add_node("tools", ToolNode(desk.guard.bind([desk.tools.issue_refund], agent="billing")))
    graph.add_node("tells", tells)
    graph.add_edge(START, "model")
    graph.add_edge("model", "tools")
    graph.add_edge("tools", "tells")
    return graph.compile(name="billing")
