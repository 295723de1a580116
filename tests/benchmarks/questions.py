"""Owns the question of the measurements: a refund that one person asks for and another approves."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt
from tests.benchmarks.models import ANSWER, InstantModel, calling
from tests.benchmarks.tasks import SCHEMA

from bailiwick.agents import create_specialist
from bailiwick.policies import Policy
from bailiwick.policies.principals import Principal
from bailiwick.tools import Guard, Ledger, scoped_tool

App = CompiledStateGraph[Any, Any, Any, Any]

CUSTOMER = Principal(id="customer")
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))

RULES = """\
@id("agent-refunds") permit (principal, action == Action::"call", resource == Tool::"refund");
@id("manager-agrees") @approval("manager")
forbid (principal, action == Action::"call", resource == Tool::"refund")
unless { context.approvals.contains("manager") };
"""
TYPE = "type refund = { order_id: String, amount: Long };\n"


class RefundingModel(InstantModel):
    """Ask for one refund, then answer."""

    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        """Return the call, or the answer if its result is there."""
        if messages[-1].name == "refund":
            return AIMessage(ANSWER)
        return calling("refund", order_id="A-1002", amount=500)


def make_refund(order_id: str, amount: int) -> str:
    """Refund an amount in cents on an order."""
    return f"Refunded {amount} on {order_id}."


def theirs(saver: Any, mode: Literal["batched", "per_call"]) -> App:  # noqa: ANN401 - any checkpointer
    """Return LangChain's agent, whose middleware asks."""
    asks = HumanInTheLoopMiddleware({"refund": True}, interrupt_mode=mode)
    return create_agent(
        RefundingModel(), [tool("refund")(make_refund)], middleware=[asks], checkpointer=saver
    )


@contextmanager
def ours(saver: Any, ledger_url: str, folder: Path) -> Generator[App]:  # noqa: ANN401 - as above
    """Yield our specialist under a guard, with its ledger and approvals at a URL."""
    (folder / "rules.cedar").write_text(RULES, encoding="utf-8")
    (folder / "schema.cedarschema").write_text(SCHEMA + TYPE, encoding="utf-8")
    ledger = Ledger(ledger_url)
    try:
        guard = Guard(policy=Policy.from_path(folder), ledger=ledger)
        scoped = scoped_tool(make_refund, effect="destructive", name="refund")
        graph = create_specialist("billing", model=RefundingModel(), tools=[scoped], guard=guard)
        yield graph.builder.compile(checkpointer=saver, name="billing")
    finally:
        ledger.close()


def batched(_: Interrupt) -> Command[Any]:
    """Answer the middleware's one interrupt for all calls of a turn."""
    return Command(resume={"decisions": [{"type": "approve"}]})


def per_call(interrupt: Interrupt) -> Command[Any]:
    """Answer the middleware's interrupt for one call."""
    return Command(resume={interrupt.id: {"type": "approve"}})


def bound(interrupt: Interrupt) -> Command[Any]:
    """Answer our interrupt: for one call, by its digest."""
    answer = {"type": "approve", "action_digest": interrupt.value["action_digest"]}
    return Command(resume={interrupt.id: answer})
