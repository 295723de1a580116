"""Promises 1 and 2 with a tool of an MCP server: the server has no say in whether it is called."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool
from langchain_mcp_adapters.client import MultiServerMCPClient
from tests.stories.desk import Desk
from tests.stories.ground import Ground
from tests.stories.leasing import REFUND
from tests.stories.people import CUSTOMER, ORDER, REQUEST
from tests.stories.scripts import asks

from bailiwick.agents import create_specialist
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.graphs import create_supervisor
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.secrets.credentials import Credential

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pay_back(ground: Ground) -> BaseTool:
    """Give the tool as `langchain-mcp-adapters` makes it: each call starts the server anew."""
    address = ground.surroundings.shop_address
    assert address is not None
    client = MultiServerMCPClient(
        {
            "shop": {
                "transport": "stdio",
                "command": sys.executable,
                "args": ["-m", "tests.stories.mcp_shop", address],
                "cwd": ROOT,
            }
        }
    )
    (tool,) = asyncio.run(client.get_tools())
    return tool


@pytest.fixture
def issue_refund(pay_back: BaseTool) -> ScopedTool:
    """Give our refund tool made of it: the model sees no key, and the server no key of its own."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund an amount on an order."""
        key = credential.reveal()
        args = {"order_id": order_id, "amount": f"{amount:.2f}", "api_key": key}
        return str(asyncio.run(pay_back.ainvoke(args)))

    return issue_refund


def test_a_refund_by_an_mcp_server(desk: Desk, issue_refund: ScopedTool) -> None:
    """It is asked about, leased for, made once and recorded; its key is seen by nobody."""
    thread = desk.thread(desk.specialist(asks(REFUND), issue_refund))
    interrupt = thread.ask()
    assert desk.refunded == []

    for _ in range(2):
        thread.answer(interrupt)

    assert desk.refunded == [500]
    assert len(thread.records("approval.consumed")) == 1
    assert desk.live_children() == []
    assert thread.is_done()


def test_a_rejected_and_a_denied_refund_by_an_mcp_server(
    desk: Desk, issue_refund: ScopedTool
) -> None:
    """The server is not even started."""
    rejected = desk.thread(desk.specialist(asks(REFUND), issue_refund))
    rejected.answer(rejected.ask(), kind="reject", message="not this one")
    much = ("issue_refund", {"order_id": ORDER, "amount": "900.00"})
    denied = desk.thread(desk.specialist(asks(much), issue_refund))
    denied.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)

    assert desk.refunded == []
    assert "not this one" in rejected.said()
    assert [each["rules"] for each in denied.denials()] == [["refund-over-the-limit"]]


def test_an_mcp_tool_as_it_came(desk: Desk, pay_back: BaseTool) -> None:
    """Nobody has said what it does, so no agent below a guard may hold it."""
    model = ScriptedModel(script=asks(REFUND))
    with pytest.raises(ScopeError, match="'pay_back' is not scoped"):
        create_specialist("billing", model=model, tools=[pay_back], guard=desk.guard)
    with pytest.raises(ScopeError, match="'pay_back' is not scoped"):
        desk.guard.bind([pay_back], agent="billing")

    foreign = create_agent(model, [pay_back], name="billing")
    with pytest.raises(ValueError, match="pay_back"):
        create_supervisor([foreign], model=model, guard=desk.guard)
