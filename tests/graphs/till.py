"""Owns a till that pays on request: a graph with one governed tool, and a book of what was paid."""

import re
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt
from pydantic import Field
from sqlalchemy import update

from bailiwick.agents.specialist import create_specialist
from bailiwick.agents.state import AgentState
from bailiwick.graphs.outbox.deliveries import deliver
from bailiwick.policies import Policy, Principal
from bailiwick.policies.answers import Approve
from bailiwick.policies.approvals import Approval
from bailiwick.policies.calls import Effect
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger

App = CompiledStateGraph[Any, Any, Any, Any]

CUSTOMER = Principal(id="customer")
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
REQUEST = "pay 140 to shop"


class Teller(BaseChatModel):
    """Ask for the payments a person names: those of a turn at once, turns one after the other."""

    troubles: list[Exception] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "teller"

    def bind_tools(
        self,
        tools: Sequence[Any],  # noqa: ARG002 - as the base class has it
        **kwargs: Any,  # noqa: ANN401, ARG002 - as the base class has it
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Need no binding."""
        return self

    def _generate(self, messages: list[BaseMessage], *_: object, **__: object) -> ChatResult:
        last = max(at for at, each in enumerate(messages) if isinstance(each, HumanMessage))
        turns = str(messages[last].text).split(" then ")
        begun = sum(isinstance(message, AIMessage) for message in messages[last:])
        if begun and self.troubles:
            raise self.troubles.pop()
        calls = _payments(turns[begun], begun) if begun < len(turns) else []
        reply = AIMessage("" if calls else "It is done.", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=reply)])


def _payments(text: str, turn: int) -> list[ToolCall]:
    return [
        ToolCall(name="pay", args={"to": to, "amount": f"{amount}.00"}, id=f"call-{turn}-{number}")
        for number, (amount, to) in enumerate(re.findall(r"(\d+) to (\w+)", text))
    ]


@dataclass(slots=True)
class Book:
    """Keep what was paid, in a database that is not the guard's."""

    path: Path
    effect: Effect = "destructive"
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._execute("CREATE TABLE IF NOT EXISTS paid (who TEXT, amount TEXT)")

    def tool(self) -> ScopedTool:
        """Return the tool that pays."""

        @scoped_tool(effect=self.effect)
        def pay(to: str, amount: Decimal) -> str:
            """Pay somebody."""
            self.before()
            self._execute("INSERT INTO paid VALUES (?, ?)", to, str(amount))
            self.after()
            return f"paid {amount} to {to}"

        return pay

    def paid(self) -> list[tuple[str, str]]:
        """Return who was paid how much, in order."""
        return self._execute("SELECT who, amount FROM paid ORDER BY rowid")

    def _execute(self, statement: str, *values: str) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.path, timeout=20)) as connection, connection:
            return list(connection.execute(statement, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """Hold an open till."""

    app: App
    guard: Guard
    book: Book
    model: Teller = field(default_factory=Teller)

    def ask(self, thread: str = "t", text: str = REQUEST) -> list[Approval]:
        """Ask as the customer; return the requests for approvals that wait then."""
        self.run({"messages": [HumanMessage(text)]}, thread)
        return list(self.guard.approvals.pending(thread))

    def run(self, given: object, thread: str = "t", who: Principal = CUSTOMER) -> None:
        """Run the graph with any input or command."""
        with acting_as(who):
            self.app.invoke(given, config(thread))

    def answer(self, thread: str = "t", who: Principal = MANAGER, **answer: object) -> None:
        """Answer the first interrupt through LangGraph."""
        interrupt = self.waiting(thread)[0]
        given = {"action_digest": interrupt.value["action_digest"], **answer}
        self.run(Command(resume={interrupt.id: given}), thread, who)

    def approve(self, *approvals: Approval, who: Principal = MANAGER) -> None:
        """Approve in the database, not through LangGraph."""
        for approval in approvals:
            answer = Approve(action_digest=approval.request.digest)
            self.guard.approvals.answer(approval.request.id, answer, by=who)

    def waiting(self, thread: str = "t") -> list[Interrupt]:
        """Return the interrupts that wait."""
        return list(self.app.get_state(config(thread)).interrupts)

    def said(self, thread: str = "t") -> list[str]:
        """Return the conversation's texts."""
        values = self.app.get_state(config(thread)).values
        return [str(message.text) for message in values["messages"]]

    def is_done(self, thread: str = "t") -> bool:
        """Tell whether the thread has come to its end."""
        state = self.app.get_state(config(thread))
        return not state.next and self.said(thread)[-1] == "It is done."


def config(thread: str) -> RunnableConfig:
    """Return the config that names a thread."""
    return {"configurable": {"thread_id": thread}}


def open_till(
    guard: Guard,
    book: Book,
    checkpointer: BaseCheckpointSaver[Any] | None,
    model: Teller,
    node: str = "billing",
) -> App:
    """Return the graph: an agent below another graph, as under a supervisor."""
    agent = create_specialist("billing", model=model, tools=[book.tool()], guard=guard)
    graph = StateGraph(AgentState).add_node(node, agent).add_edge(START, node)
    return graph.compile(checkpointer=checkpointer)


@contextmanager
def opened_till(
    ledger_url: str,
    checkpointer: BaseCheckpointSaver[Any],
    book: Book,
    policy: Policy,
    node: str = "billing",
) -> Generator[Till]:
    """Open a till on a ledger and a checkpointer."""
    ledger = Ledger(ledger_url)
    with closing(ledger):
        guard, model = Guard(policy=policy, ledger=ledger), Teller()
        app = open_till(guard, book, checkpointer, model, node)
        yield Till(app=app, guard=guard, book=book, model=model)


def delivered(till: Till, **options: Any) -> list[str]:  # noqa: ANN401 - of `deliver`
    """Deliver what is due; return what came of it."""
    return [report.outcome for report in deliver(till.app, till.guard, **options)]


def let_pass(ledger: Ledger, seconds: float) -> None:
    """Make everything as much older."""
    due_at, created_at = tables.deliveries.c.due_at, tables.approvals.c.created_at
    with ledger.transaction() as connection:
        connection.execute(update(tables.deliveries).values(due_at=due_at - seconds))
        connection.execute(update(tables.approvals).values(created_at=created_at - seconds))


def let_expire(ledger: Ledger) -> None:
    """Move the end of every request into the past."""
    with ledger.transaction() as connection:
        connection.execute(update(tables.approvals).values(expires_at=0.0))
