"""Owns the desk at which one call is asked about, and answers to its questions."""

from typing import Any

from langchain_core.messages import ToolCall as RequestedCall
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.func import entrypoint
from langgraph.types import Command, Interrupt
from tests.tools.governed import CLERK, MANAGER, request

from bailiwick.policies import Principal
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.following import Next
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Toolset

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
MUCH = request("pay", {"to": "shop", "amount": "140.00"})


class Desk:
    """Ask about one call in a graph of one node, and keep where the call goes on."""

    def __init__(self, guard: Guard, toolset: Toolset) -> None:
        self.guard = guard
        self.steps: list[Next | ToolResult] = []
        self.saver = InMemorySaver()

        @entrypoint(checkpointer=self.saver)
        def desk(asked: RequestedCall) -> None:
            prepared = toolset.prepare(asked, get_config(), "message-1")
            self.steps.append(toolset.ask(prepared))

        self.graph = desk

    def ask(self, asked: RequestedCall = MUCH) -> Interrupt | None:
        """Ask as the clerk; return the question, if there is one."""
        with acting_as(CLERK):
            return self._question(self.graph.invoke(asked, THREAD))

    def answer(
        self, question: Interrupt, by: Principal = MANAGER, **answer: object
    ) -> Interrupt | None:
        """Answer a question; return the next one, if there is one."""
        given = {"action_digest": question.value["action_digest"], **answer}
        return self.resume(question, given, by)

    def resume(
        self, question: Interrupt, given: object, by: Principal = MANAGER
    ) -> Interrupt | None:
        """Answer a question with anything; return the next one, if there is one."""
        with acting_as(by):
            return self._question(self.graph.invoke(Command(resume={question.id: given}), THREAD))

    def _question(self, result: Any) -> Interrupt | None:  # noqa: ANN401 - LangGraph's own
        return result["__interrupt__"][0] if result else None

    def states(self) -> list[str]:
        """Return where each request stands, oldest first."""
        return [approval.state for approval in self.guard.approvals.list()]


def asked(desk: Desk, call: RequestedCall = MUCH) -> Interrupt:
    """Ask about a call that needs a person, and return the question."""
    question = desk.ask(call)
    assert question is not None
    return question


def edit(**args: object) -> dict[str, Any]:
    """Return an answer that puts other arguments in place."""
    return {"type": "edit", "edited_action": {"name": "pay", "args": args}}
