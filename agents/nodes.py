"""Owns a specialist's nodes: the model, the approval, the execution of one call."""

from collections.abc import Sequence
from typing import NotRequired

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, SystemMessage, ToolCall
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from bailiwick.agents.bindings import unbound
from bailiwick.agents.messages import merge_messages, sign
from bailiwick.agents.state import AgentState, LastTurn
from bailiwick.agents.ungoverned import ungoverned_ways
from bailiwick.tools.delegation import current
from bailiwick.tools.people.following import Next
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Prepared, Toolset

Update = dict[str, list[AnyMessage]]
Ways = Sequence[Send] | str


class Requested(TypedDict):
    """Carry one requested call from node to node.

    Attributes:
        call: The model's tool call, with the reviewer's arguments after an edit.
        origin: The id of the model's message.
        request: The key of the person's message that the model worked on.
        note: What the model reads before the result, after an edit.
    """

    call: ToolCall
    origin: str
    request: str
    note: NotRequired[str]


class ModelNode:
    """Call the agent's model on the conversation so far, and say where each of its calls goes.

    It is not called before every call of its last turn has an answer. Those that the conversation
    went past get one that says so: model providers refuse a history with calls left open.
    """

    def __init__(
        self,
        agent: str,
        model: Runnable[LanguageModelInput, AIMessage],
        prompt: SystemMessage | None,
        toolset: Toolset | None,
    ) -> None:
        self.agent = agent
        self.model, self.binding = unbound(model)
        self.preamble = [prompt] if prompt else []
        self.toolset = toolset

    def call(self, state: AgentState, config: RunnableConfig) -> Command[str]:
        """Run the node."""
        turn = LastTurn.of(state["messages"], self.agent)
        if turn.is_waiting:
            return Command()
        if self.toolset is not None:
            self.toolset.note_request(state["messages"], config)
        withdrawn = self._withdraw(turn, config)
        given = self._conversation(state, withdrawn)
        said = self.model.invoke(given, config, **self.binding)
        sign(said, self.agent)
        return _turn(withdrawn, said, self._ways(said, state, config))

    async def acall(self, state: AgentState, config: RunnableConfig) -> Command[str]:
        """Run the node on an event loop."""
        turn = LastTurn.of(state["messages"], self.agent)
        if turn.is_waiting:
            return Command()
        withdrawn: list[AnyMessage] = []
        if self.toolset is not None:
            await self.toolset.anote_request(state["messages"], config)
            # Nearly always there is nothing to withdraw, and a thread costs more than all the rest.
            if turn.open_calls:
                withdrawn = await self.toolset.off_loop(lambda: self._withdraw(turn, config))
        given = self._conversation(state, withdrawn)
        said = await self.model.ainvoke(given, config, **self.binding)
        sign(said, self.agent)
        return _turn(withdrawn, said, self._ways(said, state, config))

    def _withdraw(self, turn: LastTurn, config: RunnableConfig) -> list[AnyMessage]:
        if self.toolset is None:
            return []
        calls = [self.toolset.prepare(call, config, turn.origin) for call in turn.open_calls]
        return [self.toolset.withdraw(each).to_message(each.call) for each in calls]

    def _conversation(
        self, state: AgentState, withdrawn: Sequence[AnyMessage]
    ) -> list[BaseMessage]:
        delegation = current()
        # A supervisor's history comes by reference: as input it would be stored with every run.
        handed = delegation.history if delegation and delegation.agent == self.agent else ()
        own = merge_messages(state["messages"], withdrawn) if withdrawn else state["messages"]
        return [*self.preamble, *handed, *own]

    def _ways(self, said: AIMessage, state: AgentState, config: RunnableConfig) -> Ways:
        """Say where each call goes: to its execution, or to a person first."""
        if not said.tool_calls:
            return END
        if self.toolset is None:
            return ungoverned_ways(said.tool_calls)
        origin, request = str(said.id), self.toolset.request_of(state["messages"])
        prepared = [self.toolset.prepare(call, config, origin, request) for call in said.tool_calls]
        return [
            Send(
                "approval" if self.toolset.waits(each) else "execute",
                Requested(call=call, origin=origin, request=request),
            )
            for call, each in zip(said.tool_calls, prepared, strict=True)
        ]


class ApprovalNode:
    """Wait until the right person has answered for exactly this call, then have the guard run it.

    It runs in the task that asked: a task of its own would begin when its siblings have been
    answered too, and by then the approval could have expired.
    """

    def __init__(self, toolset: Toolset) -> None:
        self.toolset = toolset

    def call(self, requested: Requested, config: RunnableConfig) -> Command[str]:
        """Run the node."""
        asked = self._ask(requested, config)
        if isinstance(asked, Command):
            return asked
        return _ended(requested, asked, self.toolset.run(asked, config))

    async def acall(self, requested: Requested, config: RunnableConfig) -> Command[str]:
        """Run the node on an event loop."""
        asked = await self.toolset.off_loop(lambda: self._ask(requested, config))
        if isinstance(asked, Command):
            return asked
        return _ended(requested, asked, await self.toolset.arun(asked, config))

    def _ask(self, requested: Requested, config: RunnableConfig) -> Prepared | Command[str]:
        prepared = _prepare(self.toolset, requested, config)
        step = self.toolset.ask(prepared)
        if isinstance(step, ToolResult):
            return Command(update={"messages": [step.to_message(prepared.call)]}, goto="model")
        if step.node == "execute" and step.args is None:
            return prepared
        return Command(goto=Send(step.node, _followed(requested, step)))


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
        prepared = await self.toolset.aprepare(
            requested["call"], config, requested["origin"], requested["request"]
        )
        return _answered(requested, prepared, await self.toolset.arun(prepared, config))


def _prepare(toolset: Toolset, requested: Requested, config: RunnableConfig) -> Prepared:
    return toolset.prepare(requested["call"], config, requested["origin"], requested["request"])


def _followed(requested: Requested, step: Next) -> Requested:
    """Return what is requested after an answer; an edit makes it another call, with a note."""
    call = requested["call"]
    if step.args is not None:
        edited: ToolCall = {**call, "args": dict(step.args)}
        call = edited
    return {**requested, "call": call, "note": step.note or requested.get("note", "")}


def _answered(requested: Requested, prepared: Prepared, result: ToolResult) -> Update:
    noted = result.with_note(requested.get("note", ""))
    return {"messages": [noted.to_message(prepared.call)]}


def _ended(requested: Requested, prepared: Prepared, result: ToolResult) -> Command[str]:
    return Command(update=_answered(requested, prepared, result), goto="model")


def _turn(withdrawn: Sequence[AnyMessage], said: AIMessage, ways: Ways) -> Command[str]:
    return Command(update={"messages": [*withdrawn, said]}, goto=ways)
