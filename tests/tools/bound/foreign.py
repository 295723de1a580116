"""Owns the graphs that are not ours and hold bound tools."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from tests.driven import Graph
from tests.tools.governed import request

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Tools

Paid = list[tuple[str, Decimal]]


def pays(*amounts: str) -> Callable[[Sequence[BaseMessage], Tools], AIMessage]:
    """Return a script that pays these amounts in one turn, then reports what came of it."""

    def script(messages: Sequence[BaseMessage], tools: Tools) -> AIMessage:
        assert tools == {"pay": {"to", "amount"}}
        answers = [each for each in messages if isinstance(each, ToolMessage)]
        if answers:
            return AIMessage("\n".join(each.text for each in answers))
        calls = [request("pay", {"to": "shop", "amount": amount}) for amount in amounts]
        return AIMessage("", tool_calls=calls)

    return script


def agent_graph(tools: Sequence[BaseTool], *amounts: str) -> Graph:
    """Return LangChain's own agent."""
    model = ScriptedModel(script=pays(*amounts))
    return create_agent(model, list(tools), checkpointer=InMemorySaver())


def node_graph(tools: Sequence[BaseTool], *amounts: str) -> Graph:
    """Return a graph with LangGraph's own tool node, which runs all calls in one task."""
    model = ScriptedModel(script=pays(*amounts)).bind_tools(tools)

    def think(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": [model.invoke(state["messages"])]}

    def route(state: MessagesState) -> str:
        last = state["messages"][-1]
        return "tools" if isinstance(last, AIMessage) and last.tool_calls else END

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "think")
    builder.add_conditional_edges("think", route, ["tools", END])
    builder.add_edge("tools", "think")
    return builder.compile(checkpointer=InMemorySaver())


def last_text(result: dict[str, Any]) -> str:
    """Return the last message's text."""
    return str(result["messages"][-1].text)
