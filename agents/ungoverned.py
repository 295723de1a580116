"""Owns the tools of an agent without a guard: LangGraph's tool node, and the short way past it."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.utils.pydantic import get_fields
from langgraph.errors import is_invalid_resume
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send
from pydantic import ValidationError

from bailiwick.agents.node import Node
from bailiwick.agents.state import AgentState

Answer = Command[Any] | dict[str, list[Any]]
Given = AgentState | list[ToolCall]
"""What the node is run with: the state, for a call that is alone in its turn, or one of several."""


def ungoverned_ways(calls: Sequence[ToolCall]) -> list[Send] | str:
    """Return how the calls of a turn get to their execution: each of several as its own task.

    One that interrupts would otherwise have its siblings run again when the answer comes, and
    take the answer to another's question.
    """
    if len(calls) == 1:
        return "execute"
    return [Send("execute", [{**call, "type": "tool_call"}]) for call in calls]


class UngovernedTools(Node):
    """Run the tools that the model asks for, as LangGraph's tool node does.

    The tool node starts a pool of threads each time, for one call as for many. A call that comes
    alone, of a tool that wants nothing of the state, is run without it.

    Attributes:
        tool_node: LangGraph's.
    """

    def __init__(self, tools: Sequence[BaseTool | Callable[..., Any]]) -> None:
        super().__init__(self._run, self._arun, name="execute")
        self.tool_node = ToolNode(tools)
        self._plain = {
            name: tool for name, tool in self.tool_node.tools_by_name.items() if _is_plain(tool)
        }

    def _run(self, given: Given, config: RunnableConfig) -> Any:  # noqa: ANN401 - the tool node's own
        if (lone := self._lone(given)) is None:
            return self.tool_node.invoke(given, config)
        tool, call = lone
        try:
            return self._answer(call, tool.invoke({**call, "type": "tool_call"}, config))
        except ValidationError as error:
            return _misfit(call, error)

    async def _arun(self, given: Given, config: RunnableConfig) -> Any:  # noqa: ANN401 - as above
        if (lone := self._lone(given)) is None:
            return await self.tool_node.ainvoke(given, config)
        tool, call = lone
        try:
            return self._answer(call, await tool.ainvoke({**call, "type": "tool_call"}, config))
        except ValidationError as error:
            return _misfit(call, error)

    def _lone(self, given: Given) -> tuple[BaseTool, ToolCall] | None:
        if isinstance(given, list):
            calls = given
        else:
            last = given["messages"][-1]
            calls = last.tool_calls if isinstance(last, AIMessage) else []
        if len(calls) != 1:
            return None
        tool = self._plain.get(calls[0]["name"])
        return None if tool is None else (tool, calls[0])

    def _answer(self, call: ToolCall, returned: Any) -> Answer:  # noqa: ANN401 - whatever a tool returns
        if isinstance(returned, Command):
            # It must answer the call, and is refused in the tool node's own words if it does not.
            return self.tool_node._validate_tool_command(returned, call, "dict")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the tool node keeps this check to itself
        return {"messages": returned if isinstance(returned, list) else [returned]}


def _is_plain(tool: BaseTool) -> bool:
    # What the model does not see of a tool's arguments comes from the state or the runtime.
    seen = tool.tool_call_schema
    return isinstance(seen, dict) or _names(seen) == _names(tool.get_input_schema())


def _names(schema: Any) -> set[str]:  # noqa: ANN401 - a model of either pydantic
    return set(get_fields(schema))


def _misfit(call: ToolCall, error: ValidationError) -> Answer:
    if is_invalid_resume(error):
        raise error
    content = f"The arguments {call['args']} do not fit {call['name']!r}: {error}"
    answer = ToolMessage(content, name=call["name"], tool_call_id=call["id"], status="error")
    return {"messages": [answer]}
