"""Owns a specialist's nodes: the model, the approval, the execution of one call."""

import asyncio
from typing import NotRequired

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, SystemMessage, ToolCall
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from bailiwick.agents.state import AgentState, is_waiting
from bailiwick.tools.delegation import current
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Prepared, Toolset

Update = dict[str, list[AnyMessage]]


class Requested(TypedDict):
    """Carry one requested call from node to node.

    Attributes:
        call: The model's tool call, with the reviewer's arguments after an edit.
        origin: The id of the model's message.
        note: What the model reads before the result, after an edit.
    """

    call: ToolCall
    origin: str
    note: NotRequired[str]


class ModelNode:
    """Call the agent's model on the conversation so far."""

    def __init__(
        self,
        agent: str,
        model: Runnable[LanguageModelInput, AIMessage],
        prompt: SystemMessage | None,
    ) -> None:
        self.agent = agent
        self.model = model
        self.preamble = [prompt] if prompt else []

    def call(self, state: AgentState, config: RunnableConfig) -> Update:
        """Run the node."""
        if is_waiting(state["messages"]):
            return {}
        return self._named(self.model.invoke(self._conversation(state), config))

    async def acall(self, state: AgentState, config: RunnableConfig) -> Update:
        """Run the node on an event loop."""
        if is_waiting(state["messages"]):
            return {}
        return self._named(await self.model.ainvoke(self._conversation(state), config))

    def _conversation(self, state: AgentState) -> list[BaseMessage]:
        delegation = current()
        # A supervisor's history comes by reference: as input it would be stored with every run.
        handed = delegation.history if delegation and delegation.agent == self.agent else ()
        return [*self.preamble, *handed, *state["messages"]]

    def _named(self, reply: AIMessage) -> Update:
        reply.name = self.agent
        return {"messages": [reply]}


class ApprovalNode:
    """Wait until the right person has answered for exactly this call."""

    def __init__(self, toolset: Toolset) -> None:
        self.toolset = toolset

    def call(self, requested: Requested, config: RunnableConfig) -> Command[str]:
        """Run the node."""
        prepared = _prepare(self.toolset, requested, config)
        step = self.toolset.ask(prepared)
        if isinstance(step, ToolResult):
            answer = step.to_message(prepared.call)
            return Command(update={"messages": [answer]}, goto="model")
        call = requested["call"]
        if step.args is not None:
            call = ToolCall(**{**call, "args": dict(step.args)})
        note = step.note or requested.get("note", "")
        onward = Requested(call=call, origin=requested["origin"], note=note)
        return Command(goto=Send(step.node, onward))

    async def acall(self, requested: Requested, config: RunnableConfig) -> Command[str]:
        """Run the node on an event loop."""
        return await asyncio.to_thread(self.call, requested, config)


class ExecuteNode:
    """Have the guard run one call; it decides again, whatever led here."""

    def __init__(self, toolset: Toolset) -> None:
        self.toolset = toolset

    def call(self, requested: Requested, config: RunnableConfig) -> Update:
        """Run the node."""
        prepared = _prepare(self.toolset, requested, config)
        return _answered(requested, prepared, self.toolset.run(prepared, config))

    async def acall(self, requested: Requested, config: RunnableConfig) -> Update:
        """Run the node on an event loop."""
        prepared = _prepare(self.toolset, requested, config)
        return _answered(requested, prepared, await self.toolset.arun(prepared, config))


def _prepare(toolset: Toolset, requested: Requested, config: RunnableConfig) -> Prepared:
    return toolset.prepare(requested["call"], config, requested["origin"])


def _answered(requested: Requested, prepared: Prepared, result: ToolResult) -> Update:
    noted = result.with_note(requested.get("note", ""))
    return {"messages": [noted.to_message(prepared.call)]}
