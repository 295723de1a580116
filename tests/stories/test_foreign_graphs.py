"""Promises 1 and 2 in graphs that are not ours: a bound tool brings its guard with it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, cast

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import StateGraph
from langgraph.prebuilt import (
    create_react_agent,  # pyright: ignore[reportDeprecated]  # as below
)
from tests.stories.desk import Desk, Thread
from tests.stories.engines import App
from tests.stories.people import CUSTOMER, ORDER, REFUND, REQUEST
from tests.stories.races import approve
from tests.stories.scripts import asks

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Script, Tools
from bailiwick.graphs import create_supervisor
from bailiwick.policies.errors import ApprovalError
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.secrets.credentials import Credential


def react_agent(model: ScriptedModel, tools: list[BaseTool], **compiled: Any) -> App:  # noqa: ANN401 - as the library has it
    """Make LangGraph's agent."""
    with pytest.warns(DeprecationWarning, match="create_react_agent"):
        return create_react_agent(  # pyright: ignore[reportDeprecated]  # many still have it
            model, tools, name="billing", **compiled
        )


def langchain_agent(model: ScriptedModel, tools: list[BaseTool], **compiled: Any) -> App:  # noqa: ANN401 - as above
    """Make LangChain's agent."""
    return create_agent(model, tools, name="billing", **compiled)


MAKERS = {"create_react_agent": react_agent, "create_agent": langchain_agent}
Make = Callable[..., Thread]


@pytest.fixture(params=MAKERS.values(), ids=list(MAKERS))
def make(request: pytest.FixtureRequest, desk: Desk) -> Make:
    """Give a function that starts a thread of a foreign agent which asks for some calls."""

    def make(script: Script, *tools: BaseTool) -> Thread:
        bound = desk.guard.bind(tools or (desk.tools.issue_refund,), agent="billing")
        model = ScriptedModel(script=script)
        app = request.param(model, bound, checkpointer=desk.engine.checkpointer)
        thread = desk.thread(app)
        thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)
        return thread

    return make


def test_a_refund_in_a_foreign_graph(desk: Desk, make: Make) -> None:
    """It is decided, asked, leased and recorded as in ours."""
    thread = make(asks(REFUND))
    assert desk.refunded == []

    thread.answer(thread.waiting_for_one())

    assert desk.refunded == [500]
    assert thread.is_done()
    assert thread.ended()
    kinds = [each.kind for each in thread.records()]
    assert kinds[-4:] == ["call.started", "lease.granted", "call.ended", "lease.revoked"]
    assert desk.live_children() == []


def test_a_rejected_and_a_denied_refund_in_a_foreign_graph(desk: Desk, make: Make) -> None:
    """Neither runs, and the model is told why."""
    rejected = make(asks(REFUND))
    rejected.answer(rejected.waiting_for_one(), kind="reject", message="not this one")
    denied = make(asks(("issue_refund", {"order_id": ORDER, "amount": "900.00"})))

    assert desk.refunded == []
    assert "not this one" in rejected.said()
    assert "refund-over-the-limit" in denied.said()
    assert rejected.is_done()
    assert denied.is_done()


def test_a_read_in_a_foreign_graph(desk: Desk) -> None:
    """What the policy allows needs nobody."""
    bound = desk.guard.bind([desk.tools.look_up_order], agent="orders")
    model = ScriptedModel(script=asks(("look_up_order", {"order_id": ORDER})))
    app = create_agent(model, bound, checkpointer=desk.engine.checkpointer)
    thread = desk.thread(cast("App", app))

    thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)

    assert "espresso machine" in thread.said()


def test_an_edited_refund_in_a_foreign_graph(desk: Desk, make: Make) -> None:
    """The edited call runs, and the model's does not."""
    thread = make(asks(REFUND))
    action = {"name": "issue_refund", "args": {"order_id": ORDER, "amount": "4.00"}}

    thread.answer(thread.waiting_for_one(), kind="edit", edited_action=action)

    assert desk.refunded == [400]


def test_a_double_click_and_time_travel_in_a_foreign_graph(desk: Desk, make: Make) -> None:
    """Answered twice, and run again from every checkpoint: one refund."""
    thread = make(asks(REFUND))
    interrupt = thread.waiting_for_one()
    for _ in range(2):
        thread.answer(interrupt)
    for config in thread.configs():
        thread.run(None, CUSTOMER, config)

    assert desk.refunded == [500]


def test_new_input_in_a_foreign_graph(desk: Desk) -> None:
    """The next governed call ends what waited: the old question's answer does nothing."""
    bound = desk.guard.bind([desk.tools.issue_refund], agent="billing")
    model = ScriptedModel(script=asks(REFUND))
    # LangGraph's own agent refuses a history in which a call was left open.
    thread = desk.thread(langchain_agent(model, bound, checkpointer=desk.engine.checkpointer))
    first = thread.ask()
    second = thread.ask("Please refund 5.00 EUR of it, today")

    with pytest.raises(ApprovalError, match="cancelled"):
        approve(desk, first)
    with suppress(ValueError):
        thread.answer(first)
    assert desk.refunded == []
    assert [each.request.id for each in desk.guard.approvals.pending(thread.id)] == [
        second.value["id"]
    ]
    thread.answer(second)
    assert desk.refunded == [500]


def test_who_asked_in_a_foreign_graph(desk: Desk, make: Make) -> None:
    """A manager who answers drives the run that asks again, and has asked for nothing by that."""
    wanted = [("issue_refund", {"order_id": ORDER, "amount": each}) for each in ("5.00", "6.00")]

    def one_by_one(messages: Sequence[BaseMessage], _: Tools) -> AIMessage:
        made = sum(isinstance(each, ToolMessage) for each in messages)
        if made == len(wanted):
            return AIMessage("Done.")
        name, args = wanted[made]
        return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id=f"call-{made}")])

    thread = make(one_by_one)
    thread.answer(thread.waiting_for_one())
    second = thread.waiting_for_one()
    assert second.value["requester"] == CUSTOMER.id
    thread.answer(second)
    assert desk.refunded == [500, 600]


def test_a_tool_that_swallows_whatever_is_raised(desk: Desk, make: Make) -> None:
    """The question is asked outside of the tool's code, which therefore cannot swallow it."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> object:
        """Refund, whatever happens."""
        try:
            return desk.tools.issue_refund.call(
                {"order_id": order_id, "amount": amount}, credential
            )
        except BaseException:  # noqa: BLE001 - it is what is tried
            return "Refunded."

    thread = make(asks(REFUND), issue_refund)
    assert desk.refunded == []

    thread.answer(thread.waiting_for_one())
    assert desk.refunded == [500]


def test_a_foreign_agent_below_a_guarded_supervisor(desk: Desk) -> None:
    """Its bound tools are governed there too, with the supervisor in the chain."""
    bound = desk.guard.bind([desk.tools.issue_refund])
    billing = langchain_agent(ScriptedModel(script=asks(REFUND)), bound)
    thread = desk.thread(supervise(desk, billing))

    interrupt = thread.ask()
    assert (interrupt.value["agent"], interrupt.value["chain"]) == ("billing", ["supervisor"])
    thread.answer(interrupt)

    assert desk.refunded == [500]


def test_an_agent_with_a_tool_of_its_own_is_refused(desk: Desk) -> None:
    """A tool that no guard governs does not get below a guarded supervisor, by its name."""

    @tool
    def wire_money(amount: int) -> str:
        """Wire money."""
        return f"wired {amount}"

    model = ScriptedModel(script=asks(REFUND))
    bound = desk.guard.bind([desk.tools.issue_refund], agent="billing")
    for make_agent in MAKERS.values():
        agent = make_agent(model, [*bound, wire_money])
        with pytest.raises(ValueError, match="wire_money"):
            supervise(desk, agent)


def supervise(desk: Desk, agent: App) -> App:
    """Put an agent below a guarded supervisor that hands over to billing alone."""
    script = asks(("transfer_to_billing", {}))
    graph: StateGraph[Any, Any, Any, Any] = create_supervisor(
        [agent], model=ScriptedModel(script=script), guard=desk.guard
    )
    return graph.compile(checkpointer=desk.engine.checkpointer)
