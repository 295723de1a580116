"""Owns the graph in which proposed calls are made: no language model, the guard as ever."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict, override

from bailiwick.agents.node import Node
from bailiwick.agents.specialist import Specialist, create_specialist
from bailiwick.agents.state import AgentState
from bailiwick.policies.written import shortened
from bailiwick.tools.delegation import on_behalf
from bailiwick.tools.effects.called_tools import Holdings
from bailiwick.tools.effects.proposal_rows import Proposal
from bailiwick.tools.effects.proposals import Proposals
from bailiwick.tools.guard import Guard
from bailiwick.tools.locations import Location
from bailiwick.tools.threads import to_its_end

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


def create_proposal_graph(
    guard: Guard, holdings: Holdings, proposals: Proposals
) -> StateGraph[Any]:
    """Create the graph that makes what was proposed in a thread, one call after the other.

    What is proposed is read from the database, never from state: whoever can write state can
    neither propose a call nor change one.

    Args:
        guard: What decides, leases and records.
        holdings: Which agent holds which tools.
        proposals: What was proposed.
    """

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
    text = f"{verb} call {shortened(proposal.call)} of thread {proposal.origin}."
    return HumanMessage(text, id=f"task-{proposal.tool_call_id}")
