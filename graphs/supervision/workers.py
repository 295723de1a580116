"""Owns the nodes in which agents run: what an agent gets to read, and what of its work is kept."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import LastValue
from langgraph.channels.base import BaseChannel
from langgraph.errors import ParentCommand
from langgraph.graph import StateGraph
from langgraph.pregel.protocol import PregelProtocol
from langgraph.types import Send

from bailiwick.agents.durability import saved_step_by_step
from bailiwick.agents.messages import merge_messages
from bailiwick.agents.node import Node
from bailiwick.agents.specialist import ENTERED, entered_at_model, is_specialist
from bailiwick.graphs.handoff import create_handoff_back_messages
from bailiwick.graphs.supervision.governance import (
    arequester_of,
    refuse_hand_off,
    request_of,
    requester_of,
)
from bailiwick.graphs.supervision.history import added, as_messages, handoff_view
from bailiwick.graphs.supervision.states import fields, with_messages
from bailiwick.tools.delegation import Delegation, delegate
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.requests import ends_in_task

OutputMode = Literal["full_history", "last_message"]
"""What of an agent's work joins the history: all new messages, or the last one."""

Agent = PregelProtocol[Any, Any, Any, Any]

_SENT = ("__pregel_push",)
"""What LangGraph says of a node that was sent a state of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Say how a supervisor works with its agents.

    Attributes:
        supervisor: The supervisor's name.
        agents: The agents' names, by the names of the tools that hand over to them.
        tasking: The names of those of the tools whose calls carry a task.
        output_mode: What of an agent's work joins the history.
        add_handoff_back_messages: Whether the history says where an agent is done.
        channels: The state's channels by key.
        guard: What governs the agents, if anything does.
    """

    supervisor: str
    agents: Mapping[str, str]
    tasking: Collection[str]
    output_mode: OutputMode
    add_handoff_back_messages: bool
    channels: Mapping[str, BaseChannel[Any, Any, Any]]
    guard: Guard | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """Hold what an agent is handed.

    Attributes:
        state: The state, or what was sent in its place; it need not be one.
        values: The state's values by key.
        view: What the agent is to see of the conversation.
        request: The key of what persons asked for.
    """

    state: Any
    values: Mapping[str, Any]
    view: Sequence[BaseMessage]
    request: str


class Worker(Node):
    """Run an agent on behalf of the supervisor.

    Attributes:
        agent: The agent.
        terms: How the supervisor works with it.
    """

    def __init__(self, agent: Agent, terms: Terms) -> None:
        self.agent = agent
        self.agent_name = str(agent.name)
        self.terms = terms
        self._reads_by_reference = is_specialist(agent)
        self._entered: Agent = entered_at_model(agent) if is_specialist(agent) else agent
        self._is_remote = _is_remote(agent)
        super().__init__(self._run, self._arun, name=self.agent_name, subgraphs=[agent])

    def _run(self, state: Any, config: RunnableConfig) -> dict[str, Any]:  # noqa: ANN401 - a graph's state
        handed = self._handed(state, config)
        with self._delegate(handed, self._requester(handed.request, config)):
            try:
                own = self._config(config)
                if self._reads_by_reference:
                    own = saved_step_by_step(own)
                output = self._entered.invoke(self._input(handed), own)
            except ParentCommand as passed_on:
                if (output := self._refused(passed_on, handed, config)) is None:
                    passed_on.args = (self._passed_on(passed_on, handed.view),)
                    raise
        return self._update(output, handed)

    async def _arun(self, state: Any, config: RunnableConfig) -> dict[str, Any]:  # noqa: ANN401 - as above
        handed = self._handed(state, config)
        with self._delegate(handed, await self._arequester(handed.request, config)):
            try:
                output = await self._entered.ainvoke(self._input(handed), self._config(config))
            except ParentCommand as passed_on:
                if (output := await self._arefused(passed_on, handed, config)) is None:
                    passed_on.args = (self._passed_on(passed_on, handed.view),)
                    raise
        return self._update(output, handed)

    def _handed(self, state: Any, config: RunnableConfig) -> Handed:  # noqa: ANN401 - as above
        values = fields(state)
        messages = values.get("messages", [])
        if is_sent := config.get("metadata", {}).get("langgraph_triggers") == _SENT:
            messages = merge_messages([], [messages])
        view = handoff_view(
            messages,
            supervisor=self.terms.supervisor,
            agent=self.agent_name,
            agents=self.terms.agents,
            tasking=self.terms.tasking,
        )
        asked = _asked(messages, values or state) if is_sent else messages
        return Handed(state=state, values=values, view=view, request=request_of(asked, config))

    def _requester(self, request: str, config: RunnableConfig) -> str | None:
        guard = self.terms.guard
        return None if guard is None else requester_of(guard, request, config)

    async def _arequester(self, request: str, config: RunnableConfig) -> str | None:
        guard = self.terms.guard
        return None if guard is None else await arequester_of(guard, request, config)

    def _delegate(
        self, handed: Handed, requester: str | None
    ) -> AbstractContextManager[Delegation]:
        return delegate(
            supervisor=self.terms.supervisor,
            agent=self.agent_name,
            requester=requester,
            request=handed.request,
            history=handed.view if self._reads_by_reference else (),
        )

    def _input(self, handed: Handed) -> Any:  # noqa: ANN401 - a state of any class, or what was sent
        if self._reads_by_reference:
            return ENTERED
        if "messages" not in handed.values:
            return handed.state
        return with_messages(handed.state, handed.view)

    def _config(self, config: RunnableConfig) -> RunnableConfig:
        configurable = config.get("configurable", {})
        thread = configurable.get("thread_id")
        if not self._is_remote or not thread:
            return config
        derived = str(remote_thread(str(thread), self.agent_name))
        return {**config, "configurable": {**configurable, "thread_id": derived}}

    def _update(self, output: object, handed: Handed) -> dict[str, Any]:
        if not isinstance(output, Mapping) or "messages" not in output:
            raise ValueError(
                f"Agent '{self.agent_name}' returned no `messages`: it must return them"
            )
        messages = self._kept(output["messages"], handed.view)
        if self.terms.add_handoff_back_messages:
            messages += create_handoff_back_messages(self.agent_name, self.terms.supervisor)
        values = {k: v for k, v in output.items() if self._is_news(k, v, handed.values)}
        return {**values, "messages": messages}

    def _kept(
        self,
        output: Any,  # noqa: ANN401 - messages, or one, in any form
        view: Sequence[BaseMessage],
    ) -> list[BaseMessage]:
        seen = () if self._reads_by_reference else view
        if self.terms.output_mode == "full_history":
            return added(output, seen)
        last = as_messages(output)[-2:]
        return added(last if isinstance(last[-1], ToolMessage) else last[-1:], seen) if last else []

    def _is_news(self, key: str, value: object, state: Mapping[str, Any]) -> bool:
        # Agents return what they were given. Two of one turn must not both write it back: a channel
        # for a single value takes one write in a step.
        is_single = isinstance(self.terms.channels.get(key), LastValue)
        # Comparing arrays gives an array, which says nothing.
        return not (
            is_single and key in state and (state[key] is value or (state[key] == value) is True)
        )

    def _refused(
        self, passed_on: ParentCommand, handed: Handed, config: RunnableConfig
    ) -> dict[str, Any] | None:
        """Ask the guard about an agent's own hand-off; return what it says instead, if it may not.

        Args:
            passed_on: The hand-off, to one agent or several.
            handed: What the agent was given.
            config: The config of the node, within the hand-off to this agent.
        """
        if (guard := self.terms.guard) is None:
            return None
        named = [agent for agent in _targets(passed_on) if agent in self.terms.agents.values()]
        asked = [refuse_hand_off(guard, self.agent_name, to, handed.view, config) for to in named]
        if not (refusals := [refusal for refusal in asked if refusal is not None]):
            return None
        return {"messages": [AIMessage(" ".join(refusals), name=self.agent_name, id=str(uuid4()))]}

    async def _arefused(
        self, passed_on: ParentCommand, handed: Handed, config: RunnableConfig
    ) -> dict[str, Any] | None:
        if (guard := self.terms.guard) is None:
            return None
        return await guard.ledger.off_loop(lambda: self._refused(passed_on, handed, config))

    def _passed_on(self, passed_on: ParentCommand, view: Sequence[BaseMessage]) -> Any:  # noqa: ANN401 - a command of any schema
        """Return an agent's hand-off to another agent, with its view taken out of the update."""
        command = passed_on.args[0]
        update = command.update
        if not isinstance(update, dict) or "messages" not in update:
            return command
        return replace(command, update={**update, "messages": added(update["messages"], view)})


def add_workers(
    graph: StateGraph[Any, Any, Any, Any], agents: Sequence[Agent], terms: Terms
) -> None:
    """Add a node for each agent, with an edge back to the supervisor."""
    for agent in agents:
        worker = Worker(agent, terms)
        graph.add_node(worker.agent_name, worker, input_schema=graph.input_schema)
        graph.add_edge(worker.agent_name, terms.supervisor)


def check_output_mode(output_mode: str) -> None:
    """Refuse an unknown output mode.

    Raises:
        ValueError: If the mode is unknown.
    """
    if output_mode not in get_args(OutputMode):
        raise ValueError(
            f"Invalid agent output mode: {output_mode}. Needs to be one of {get_args(OutputMode)}"
        )


def remote_thread(thread: str, agent: str) -> UUID:
    """Return the id of the thread that a remote agent keeps for a thread of ours.

    A thread id that is no UUID is made one first; LangGraph Server accepts nothing else.
    """
    try:
        root = UUID(thread)
    except ValueError:
        root = uuid5(NAMESPACE_URL, thread)
    return uuid5(root, agent)


def _asked(messages: Sequence[BaseMessage], sent: object) -> Sequence[BaseMessage]:
    """Return what persons may have said of what an agent was sent, in place of the state."""
    if not messages:
        # Somebody asks for it all the same, and has to stay the same one when the run is resumed.
        return [HumanMessage(json.dumps(sent, sort_keys=True, default=str))]
    # Only what a supervisor sends ends in a task; in its history the mark may be anybody's.
    return messages[:-1] if ends_in_task(messages) else messages


def _targets(passed_on: ParentCommand) -> list[str]:
    goto = passed_on.args[0].goto
    nodes = [goto] if isinstance(goto, str | Send) else goto
    return [each.node if isinstance(each, Send) else each for each in nodes]


def _is_remote(agent: object) -> bool:
    # Nobody can have made a remote graph before its module was imported, which costs a client.
    remote = sys.modules.get("langgraph.pregel.remote")
    return remote is not None and isinstance(agent, cast("Any", remote).RemoteGraph)
