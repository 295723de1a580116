"""Owns the models that specialists are tried with, their tools, and what is seen of a thread."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.config import get_stream_writer
from langgraph.types import Interrupt
from tests.driven import Graph, questions

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Tools
from bailiwick.agents.state import AgentState
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.secrets.credentials import Credential

Paid = list[tuple[str, Decimal]]

PAY: AgentState = {"messages": [HumanMessage("pay", id="h-1")]}


@scoped_tool(effect="read")
def look() -> str:
    """Look around."""
    get_stream_writer()("looking")
    return "all is well"


class Thinker:
    """Call tools once for each message of a person, and keep every conversation it was shown."""

    def __init__(self, *calls: tuple[str, dict[str, Any]]) -> None:
        self.calls = calls
        self.shown: list[list[BaseMessage]] = []
        self.model = ScriptedModel(script=self.think)

    def think(self, messages: Sequence[BaseMessage], _: Tools) -> AIMessage:
        """Be the script."""
        self.shown.append([*messages])
        if not isinstance(messages[-1], HumanMessage) or messages[-1].text == "stop":
            return AIMessage("done")
        return AIMessage(
            "", tool_calls=[{"name": name, "args": args, "id": None} for name, args in self.calls]
        )


def pays(*amounts: object) -> Thinker:
    """Return a thinker that makes payments in one turn."""
    return Thinker(*(("pay", {"to": "shop", "amount": amount}) for amount in amounts))


def kept(graph: Graph) -> Graph:
    """Return a specialist with a checkpointer, which refuses what is no plain value."""
    saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    return graph.builder.compile(checkpointer=saver, name=graph.name)


def answers(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the texts of the tools' messages, in order."""
    return [each.text for each in messages if isinstance(each, ToolMessage)]


def open_questions(graph: Graph) -> dict[str, Interrupt]:
    """Return the questions that are open in the thread, by the amount they are about."""
    return {each.value["args"]["amount"]: each for each in questions(graph)}


def leasing() -> ScopedTool:
    """Return a tool that pays with a secret, and says it."""

    @scoped_tool(effect="destructive", credential="bank/pay")
    def pay(to: str, amount: Decimal, *, credential: Credential) -> str:
        """Pay."""
        return f"paid {amount} to {to} with {credential.reveal()}"

    return pay
