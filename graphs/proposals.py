"""Owns the graph in which proposed calls are made: no model, the guard as ever."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict, override

from bailiwick.agents.node import Node
from bailiwick.agents.specialist import Specialist, create_specialist
from bailiwick.agents.state import AgentState
from bailiwick.graphs.deliveries import App
from bailiwick.policies.principals import Principal
from bailiwick.tools.delegation import on_behalf
from bailiwick.tools.executions import to_its_end
from bailiwick.tools.guard import Guard
from bailiwick.tools.locations import Location
from bailiwick.tools.principals import acting_as
from bailiwick.tools.proposals import Holdings, Proposal, Proposals

PLACE = "proposals"
"""Where the threads of proposals are kept: this graph alone carries them on."""

_proposed: ContextVar[Proposal] = ContextVar("bailiwick_proposed")


class Wanted(TypedDict):
    """Name the proposal that an agent is to make; what it says stands in the database."""

    tool_call_id: str


class ProposalModel(BaseChatModel):
    """Ask for exactly what was proposed, and repeat what came of it."""

    @property
    @override
    def _llm_type(self) -> str:
        return "proposal"

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        **_: object,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=_said(messages, _proposed.get()))])


class Maker(Node):
    """Have an agent make a proposed call, for whoever proposed it."""

    def __init__(self, agent: Specialist, proposals: Proposals) -> None:
        self.agent = agent
        self.proposals = proposals
        super().__init__(self._run, self._arun, name=str(agent.name), subgraphs=[agent])

    def _run(self, wanted: Wanted, config: RunnableConfig) -> dict[str, Any]:
        proposal = self.proposals.get(Location.of(config).thread, wanted["tool_call_id"])
        with _making(proposal):
            return self.agent.invoke({"messages": [_task(proposal)]}, config)

    async def _arun(self, wanted: Wanted, config: RunnableConfig) -> dict[str, Any]:
        thread = Location.of(config).thread
        proposal = await to_its_end(lambda: self.proposals.get(thread, wanted["tool_call_id"]))
        with _making(proposal):
            return await self.agent.ainvoke({"messages": [_task(proposal)]}, config)


class ProposalDesk:
    """Hold the graph in which proposed calls are made, and what it takes to propose them.

    A proposal is a thread of its own in the same checkpoints: one that waits for an approval is
    answered, delivered and carried on like any.

    Args:
        guard: The guard of the calls that proposals are about.
        holdings: Which agent holds which scoped tools.

    Attributes:
        graph: The graph; compile it with the checkpointer of your choice.
        guard: The guard of its calls: the same policy, ledger and Vault, at a place of its own.
        proposals: What was proposed.
    """

    def __init__(self, guard: Guard, holdings: Holdings) -> None:
        held = {agent: _with_inverses(tools) for agent, tools in holdings.items()}
        self.guard = Guard(
            policy=guard.policy,
            ledger=guard.ledger,
            vault=guard.vault,
            principal=guard.principal,
            place=PLACE,
        )
        self.proposals = Proposals(self.guard, held)
        self.graph = _graph(self.guard, held, self.proposals)

    def compile(self, checkpointer: BaseCheckpointSaver[Any]) -> App:
        """Return the graph on a checkpointer."""
        return self.graph.compile(checkpointer=checkpointer, name=PLACE)

    def holds(self, thread: str | None) -> bool:
        """Tell whether a thread is one of proposals.

        Raises:
            LedgerError: If the database fails.
        """
        return thread is not None and bool(self.proposals.of(thread))

    def retry(
        self,
        app: App,
        key: str,
        *,
        by: Principal,
        requester: Principal | None = None,
        reason: str = "",
    ) -> Proposal:
        """Propose a call in doubt anew, and run its thread until it waits; see `Proposals.retry`.

        Args:
            app: The compiled graph.
            key: The call's key or its beginning.
            by: Who settles it, as authenticated by the host.
            requester: Whose request the new call is; the same person's where left out.
            reason: Why.

        Raises:
            CallError: As there.
            LedgerError: If the database fails.
        """
        proposal = self.proposals.retry(key, by=by, requester=requester, reason=reason)
        self.carry_on(app, proposal.thread)
        return proposal

    def undo(self, app: App, thread: str, *, requester: Principal) -> list[Proposal]:
        """Propose to undo what succeeded in a thread, and run until it waits.

        What was proposed before and broke off goes on; see `Proposals.undo`.

        Args:
            app: The compiled graph.
            thread: The thread.
            requester: Who wants it.

        Raises:
            CallError: As there.
            LedgerError: If the database fails.
        """
        for each in self.proposals.open_threads(origin=thread):
            self.carry_on(app, each)
        made = self.proposals.undo(thread, requester=requester)
        if made:
            self.carry_on(app, made[0].thread)
        return made

    def carry_on(self, app: App, thread: str) -> None:
        """Run a thread of proposals where it has not begun or was broken off."""
        config: RunnableConfig = {"configurable": {"thread_id": thread}}
        state = app.get_state(config)
        first = self.proposals.of(thread)[0]
        with acting_as(Principal(id=first.requester)):
            if state.created_at is None:
                app.invoke({"messages": [_opening(first)]}, config)
            elif state.tasks and not state.interrupts:
                app.invoke(None, config)

    def carry_on_all(self, app: App) -> None:
        """Begin what was proposed by a process that died before it began."""
        for thread in self.proposals.open_threads():
            self.carry_on(app, thread)


def _graph(guard: Guard, holdings: Holdings, proposals: Proposals) -> StateGraph[Any]:
    def step(state: AgentState, config: RunnableConfig) -> Command[str]:
        answered = [m.tool_call_id for m in state["messages"] if isinstance(m, ToolMessage)]
        following = proposals.step(Location.of(config).thread, answered)
        if following is None:
            return Command(goto=END)
        return Command(goto=Send(following.agent, Wanted(tool_call_id=following.tool_call_id)))

    async def astep(state: AgentState, config: RunnableConfig) -> Command[str]:
        return await to_its_end(lambda: step(state, config))

    graph: StateGraph[Any] = StateGraph(AgentState)
    graph.add_node("step", Node(step, astep, name="step"), destinations=(*holdings, END))
    graph.add_edge(START, "step")
    for agent, tools in holdings.items():
        specialist = create_specialist(agent, model=ProposalModel(), tools=tools, guard=guard)
        graph.add_node(agent, Maker(specialist, proposals))
        graph.add_edge(agent, "step")
    return graph


def _with_inverses(tools: Sequence[BaseTool]) -> list[Any]:
    named: Mapping[str, BaseTool] = {
        each.name: each
        for tool in tools
        for each in (getattr(getattr(tool, "compensation", None), "tool", tool), tool)
    }
    return list(named.values())


@contextmanager
def _making(proposal: Proposal) -> Generator[None]:
    token = _proposed.set(proposal)
    try:
        with on_behalf(chain=proposal.chain, agent=proposal.agent, requester=proposal.requester):
            yield
    finally:
        _proposed.reset(token)


def _said(messages: Sequence[BaseMessage], proposal: Proposal) -> AIMessage:
    mine = proposal.tool_call_id
    answers = [m for m in messages if isinstance(m, ToolMessage) and m.tool_call_id == mine]
    if answers:
        return AIMessage(str(answers[-1].text), id=f"said-{mine}")
    call = ToolCall(name=proposal.tool, args=dict(proposal.args), id=mine)
    # The same in every run of it: two that begin at once make one call.
    return AIMessage("", tool_calls=[call], id=f"asks-{mine}")


def _task(proposal: Proposal) -> HumanMessage:
    verb = "Try again" if proposal.kind == "retry" else "Undo"
    text = f"{verb} call {proposal.call[:12]} of thread {proposal.origin}."
    return HumanMessage(text, id=f"task-{proposal.tool_call_id}")


def _opening(first: Proposal) -> HumanMessage:
    verb = "tried again" if first.kind == "retry" else "undone"
    text = f"{first.requester} wants what was called in thread {first.origin} {verb}."
    return HumanMessage(text, id=f"opening-{first.thread}")
