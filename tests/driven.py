"""Owns how tests drive a graph of any kind: as somebody, and by `invoke` or by `ainvoke`."""

import asyncio
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt
from tests.tools.governed import CLERK, MANAGER

from bailiwick.policies import Principal
from bailiwick.tools.people.principals import acting_as

Graph = CompiledStateGraph[Any, Any, Any, Any]

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}


class Drive:
    """Drive a graph in thread `t`."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async

    def __call__(self, graph: Graph, given: object, by: Principal = CLERK) -> dict[str, Any]:
        """Run the graph as somebody and return what it gives."""
        with acting_as(by):
            if self.is_async:
                result: dict[str, Any] = asyncio.run(graph.ainvoke(given, THREAD))
            else:
                result = graph.invoke(given, THREAD)
        return result

    def start(self, graph: Graph) -> dict[str, Any]:
        """Run the graph on a first message."""
        return self(graph, {"messages": [HumanMessage("pay")]})

    def answer(self, graph: Graph, question: Interrupt, **answer: object) -> dict[str, Any]:
        """Answer a question as the manager."""
        given = {"action_digest": question.value["action_digest"], **answer}
        return self(graph, Command(resume={question.id: given}), MANAGER)


def questions(graph: Graph) -> list[Interrupt]:
    """Return the questions that are open in the thread."""
    state = graph.get_state(THREAD)
    return [each for task in state.tasks for each in task.interrupts]
