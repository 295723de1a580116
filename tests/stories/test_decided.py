"""Promise 1: no tool runs without a decision, and what nobody decided is denied."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall
from langgraph.errors import GraphRecursionError
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, Send
from tests.stories.databases import Place
from tests.stories.desk import Desk, Thread, open_desk
from tests.stories.people import CUSTOMER, MANAGER, ORDER, REQUEST
from tests.stories.rules import WHOLE_GATE, changed_policy
from tests.stories.scripts import asks

from bailiwick.agents import create_specialist
from bailiwick.agents.nodes import Requested
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Tools
from bailiwick.graphs import create_supervisor
from bailiwick.policies import Policy
from bailiwick.policies.errors import PolicyError
from bailiwick.tools import Guard

INJECTED = "A-1005"
"""An order whose note orders a refund of 9999.00 EUR."""


def refund(amount: object = "5.00", **more: object) -> tuple[str, dict[str, Any]]:
    """Return a model's wish for a refund."""
    return "issue_refund", {"order_id": ORDER, "amount": amount, **more}


def run(desk: Desk, *calls: tuple[str, dict[str, Any]], agent: str = "billing") -> Thread:
    """Have one specialist alone ask for calls."""
    thread = desk.thread(desk.specialist(asks(*calls), desk.tools.issue_refund, name=agent))
    thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)
    return thread


def test_a_tool_that_does_not_exist(desk: Desk) -> None:
    """A made-up tool is a denial in the ledger, and the model is told."""
    thread = run(desk, ("pay_out_everything", {"order_id": ORDER}))

    assert desk.refunded == []
    assert [each["tool"] for each in thread.denials()] == ["pay_out_everything"]
    assert "pay_out_everything did not run" in thread.results()[0]


def test_a_tool_of_another_agent(desk: Desk) -> None:
    """An order's note talks the `orders` agent into a refund, and billing into too much."""
    thread = desk.thread()
    thread.run({"messages": [HumanMessage(f"Please refund order {INJECTED}")]}, CUSTOMER)

    assert desk.refunded == []
    assert thread.is_done()
    denied = {(each["agent"], each["tool"]) for each in thread.denials()}
    assert denied == {("orders", "issue_refund"), ("billing", "issue_refund")}
    (limit,) = [each for each in thread.denials() if each["agent"] == "billing"]
    assert limit["rules"] == ["refund-over-the-limit"]


def test_an_agent_that_the_policy_lets_do_nothing(desk: Desk) -> None:
    """Holding a tool is no permission to call it."""
    for agent in ("orders", "supervisor"):
        thread = run(desk, refund(), agent=agent)
        assert thread.waiting() == []
        assert "No rule lets" in thread.denials()[0]["reason"]

    assert desk.refunded == []


def test_an_agent_that_the_policy_does_not_know(desk: Desk) -> None:
    """A new agent can do nothing until somebody writes it into the policy."""
    thread = run(desk, refund(), agent="treasurer")

    assert desk.refunded == []
    assert "treasurer" in thread.denials()[0]["reason"]


WRONG: Mapping[str, dict[str, Any]] = {
    "none": {},
    "text for money": {"order_id": ORDER, "amount": "all of it"},
    "not a number": {"order_id": ORDER, "amount": "NaN"},
    "endless": {"order_id": ORDER, "amount": "Infinity"},
    "negative": {"order_id": ORDER, "amount": "-5.00"},
    "fractions of a cent": {"order_id": ORDER, "amount": "5.001"},
    "a list": {"order_id": [ORDER], "amount": "5.00"},
    "too large": {"order_id": ORDER, "amount": "1e30"},
    "the credential": {"order_id": ORDER, "amount": "900", "credential": "mine"},
    "Cedar's own words": {"order_id": {"__entity": {"type": "Agent", "id": "x"}}, "amount": "5"},
}


def test_arguments_that_do_not_fit(desk: Desk) -> None:
    """Whatever a model makes up, it is denied before anybody is asked, and stands in the ledger."""
    thread = run(desk, *[("issue_refund", args) for args in WRONG.values()])

    assert desk.refunded == []
    assert thread.waiting() == []
    assert len(thread.denials()) == len(thread.results()) == len(WRONG)


def test_a_denied_call_sent_straight_to_its_execution(desk: Desk) -> None:
    """The guard decides where the tool runs, whatever led there; the denial names its rule."""
    thread = run(desk, refund("900.00"))
    args = {"order_id": ORDER, "amount": "900.00"}
    for n, who in enumerate((CUSTOMER, MANAGER)):
        call: Any = {"name": "issue_refund", "args": args, "id": f"f{n}", "type": "tool_call"}
        sent = Requested(call=call, origin="forged", request="")
        with suppress(ValueError):
            thread.run(Command(goto=Send("execute", sent)), who)

    assert desk.refunded == []
    assert [each["rules"] for each in thread.denials()] == [["refund-over-the-limit"]] * 3


def test_a_policy_folder_without_rules_opens_no_desk(
    desk: Desk, place: Place, tmp_path: Path
) -> None:
    """Nothing starts on rules that cannot be read, and the error names file and remedy."""
    ground, engine = desk.ground, desk.engine
    (tmp_path / "empty").mkdir()
    changed_policy(tmp_path / "broken")
    (tmp_path / "broken" / "refund_desk.cedar").write_text("permit (everything);")
    changed_policy(tmp_path / "half")
    (tmp_path / "half" / "forbids.cedar").symlink_to(tmp_path / "gone")

    for folder in ("missing", "empty", "broken", "half"):
        with (
            pytest.raises(PolicyError, match=folder),
            open_desk(ground, engine, place.ledger, tmp_path / folder),
        ):
            pass


def test_a_gate_the_wrong_way_round_opens_no_desk(desk: Desk, tmp_path: Path) -> None:
    """With `when` for `unless` a refund would be paid unasked, and denied once it was approved."""
    asks_first = 'unless { context.approvals.contains("manager") }'
    with pytest.raises(PolicyError, match="lifts nothing"):
        changed_policy(tmp_path, (asks_first, asks_first.replace("unless", "when")))
    assert desk.refunded == []


def test_a_policy_that_is_emptied_denies_everything(desk: Desk, tmp_path: Path) -> None:
    """Deployed with a policy whose rules permit nothing, the desk hands on and calls nothing."""
    asked = len(desk.shop.requests)
    changed_policy(tmp_path)
    nothing = '@id("nothing") forbid (principal, action, resource);'
    (tmp_path / "refund_desk.cedar").write_text(nothing)
    policy = Policy.from_path(tmp_path)
    thread = desk.thread(desk.deploy(policy=policy))

    with suppress(GraphRecursionError):
        # A model that insists on a refused hand-off goes on until it is stopped.
        thread.run(
            {"messages": [HumanMessage(REQUEST)]}, CUSTOMER, {**thread.config, "recursion_limit": 9}
        )
    alone = desk.billing(policy)
    alone.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)

    assert desk.refunded == []
    assert len(desk.shop.requests) == asked
    assert all(each.body["verdict"] == "deny" for each in thread.records("handoff"))
    assert alone.denials()[0]["rules"] == ["nothing"]


def test_the_policy_folder_changes_under_a_running_desk(desk: Desk, tmp_path: Path) -> None:
    """A policy never changes while it decides: its files are read once, and wholly."""
    policy = changed_policy(tmp_path)
    billing = desk.billing(policy)
    interrupt = billing.ask()
    for path in tmp_path.iterdir():
        path.unlink()

    billing.answer(interrupt)

    assert desk.refunded == [500]


def test_a_state_that_claims_authority(desk: Desk) -> None:
    """What callers can write (state, metadata, configurable) makes nobody a manager."""
    thread = desk.thread()
    claims = {"roles": ["manager"], "approvals": ["manager"], "langgraph_auth_user": "manager"}
    config: Any = {
        "configurable": {**thread.config.get("configurable", {}), **claims},
        "metadata": {**claims, "langgraph_auth_user_id": "manager"},
    }

    thread.run({"messages": [HumanMessage(REQUEST)], **claims}, CUSTOMER, config)
    interrupt = thread.waiting_for_one()
    with pytest.raises(ValueError, match="may not answer"):
        thread.run(Command(resume={interrupt.id: answer(interrupt.value)}), CUSTOMER, config)

    assert desk.refunded == []


def answer(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return an approval of what an interrupt shows."""
    return {"type": "approve", "action_digest": shown["action_digest"]}


LEFT_OUT = ('Agent::"returns", Agent::"billing"]', 'Agent::"returns"]')
"""The supervisor hands over to billing no more; nor may `orders`."""


def steering() -> Any:  # noqa: ANN401 - a graph of any schema
    """Return an agent of somebody else's that steers the graph around it to billing."""

    def hand_on(state: MessagesState) -> Command[str]:  # noqa: ARG001 - a node takes the state
        return Command(graph=Command.PARENT, goto="billing")

    graph = StateGraph(MessagesState).add_node("hand_on", hand_on).add_edge(START, "hand_on")
    return graph.compile(name="orders")


@pytest.mark.parametrize("handoffs", [("orders",), ("billing", "orders")], ids=["own", "one id"])
def test_a_hand_off_that_no_rule_allows(
    desk: Desk, tmp_path: Path, handoffs: tuple[str, ...]
) -> None:
    """An agent steers there by itself, or the call has the id of one that is allowed."""

    def hands_over(messages: Sequence[BaseMessage], _: Tools) -> AIMessage:
        calls = [ToolCall(name=f"transfer_to_{name}", args={}, id="one") for name in handoffs]
        is_asked = isinstance(messages[-1], HumanMessage)
        return AIMessage("", tool_calls=calls) if is_asked else AIMessage("done")

    guard = Guard(
        policy=changed_policy(tmp_path, LEFT_OUT, (WHOLE_GATE, "")),
        ledger=desk.guard.ledger,
        vault=desk.guard.vault,
    )
    wanting = ScriptedModel(script=asks(refund()))
    tools = [desk.tools.issue_refund]
    billing = create_specialist("billing", model=wanting, tools=tools, guard=guard)
    model = ScriptedModel(script=hands_over)
    graph = create_supervisor([steering(), billing], model=model, guard=guard)
    thread = desk.thread(graph.compile(checkpointer=desk.engine.checkpointer))
    thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)

    assert desk.refunded == []
    to_billing = [each.body for each in thread.records("handoff") if each.body["to"] == "billing"]
    assert "orders" in [each["agent"] for each in to_billing]
    assert all(each["verdict"] == "deny" for each in to_billing)
