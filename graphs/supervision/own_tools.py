"""Owns the node in which the supervisor's own tools run, one task for each call."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from langchain_core.messages import ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from bailiwick.agents.node import Node
from bailiwick.graphs.supervision.states import StateForm, call_in


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
        asked = call_in(self._form.read(config), order["call"])
        return self._commands(self.tool_node.invoke(asked, config), order["then"])

    async def _arun(self, order: CallOrder, config: RunnableConfig) -> list[Command[str]]:
        asked = call_in(self._form.read(config), order["call"])
        return self._commands(await self.tool_node.ainvoke(asked, config), order["then"])

    def _commands(self, output: object, then: str) -> list[Command[str]]:
        outputs = cast("Sequence[Any]", output if isinstance(output, list) else [output])
        commands = [self._command(output) for output in outputs]
        if any(command.goto for command in commands):
            return commands
        return [*commands, Command(goto=then)]

    def _command(self, output: Any) -> Command[str]:  # noqa: ANN401 - a command, or an update of any schema
        if not isinstance(output, Command):
            return Command(update=output)
        graph = None if output.graph == Command.PARENT else output.graph
        update = output.update
        if isinstance(update, dict):
            # A tool may write back all that it has read.
            update = {k: v for k, v in update.items() if k not in self._form.managed}
        return replace(output, graph=graph, update=update)
