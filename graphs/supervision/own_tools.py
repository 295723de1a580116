"""Owns the node in which the supervisor's own tools run, one task for each call."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeGuard, cast

from langchain_core.messages import AIMessage, BaseMessage, RemoveMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from bailiwick.agents.node import Node
from bailiwick.graphs.supervision.foreign import (
    answer_in,
    sent_by,
    transferred,
    written_by,
)
from bailiwick.graphs.supervision.states import State, StateForm, call_in, value_of


class CallOrder(TypedDict):
    """Order one call, and say where the run goes from there.

    Attributes:
        call: The tool call.
        then: The node that runs after it.
    """

    call: ToolCall
    then: str


class OwnTools(Node):
    """Run the supervisor's tools in LangGraph's tool node, which injects state and handles errors.

    A tool may return a command for the graph around the supervisor: the supervisor is a node of
    that graph here, so the command is for this one.

    Attributes:
        tool_node: The tool node.
    """

    def __init__(self, tool_node: ToolNode, form: StateForm, *, name: str) -> None:
        super().__init__(self._run, self._arun, name=name)
        self.tool_node = tool_node
        self._form = form

    def order(self, call: ToolCall, then: str) -> Send:
        """Return what makes the call run as a task of its own.

        The task gets the call alone and reads the state, which nobody has to store again.
        """
        return Send(self.name or "tools", CallOrder(call={**call, "type": "tool_call"}, then=then))

    def _run(self, order: CallOrder, config: RunnableConfig) -> list[Command[str]]:
        state = self._form.read(config)
        output = self.tool_node.invoke(call_in(state, order["call"]), config)
        return self._commands(output, order, state)

    async def _arun(self, order: CallOrder, config: RunnableConfig) -> list[Command[str]]:
        state = self._form.read(config)
        output = await self.tool_node.ainvoke(call_in(state, order["call"]), config)
        return self._commands(output, order, state)

    def _commands(self, output: object, order: CallOrder, state: State) -> list[Command[str]]:
        outputs = cast("Sequence[Any]", output if isinstance(output, list) else [output])
        commands = [self._command(output) for output in outputs]
        if not any(command.goto for command in commands):
            return [*commands, Command(goto=order["then"])]
        closing = _closing(order["call"], outputs, state)
        return [*commands, Command(update={"messages": closing})] if closing else commands

    def _command(self, output: Any) -> Command[str]:  # noqa: ANN401 - a command, or an update of any schema
        if not isinstance(output, Command):
            return Command(update=output)
        graph = None if output.graph == Command.PARENT else output.graph
        update = output.update
        if isinstance(update, dict):
            # A tool may write back all that it has read.
            update = {k: v for k, v in update.items() if k not in self._form.managed}
        return replace(output, graph=graph, update=update)


def _closing(call: ToolCall, outputs: Sequence[Any], state: State) -> Sequence[BaseMessage]:
    """Return what leaves no call open in the history of a tool that went on without an answer."""
    if answer_in(written_by(outputs), call):
        return []
    if answer := answer_in(sent_by(outputs), call):
        return [answer]
    said = [each for each in value_of(state, "messages") if _asks(each, call)]
    if said and len(said[-1].tool_calls) > 1:
        return [transferred(call)]
    return [RemoveMessage(id=str(each.id)) for each in said[-1:]]


def _asks(message: BaseMessage, call: ToolCall) -> TypeGuard[AIMessage]:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return any(each["id"] == call["id"] for each in calls)
