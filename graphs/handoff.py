"""Owns the tools by which a supervisor hands over to an agent, and the messages that say so."""

import re
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.tools import ArgsSchema, BaseTool, InjectedToolCallId
from langgraph.prebuilt import InjectedState
from langgraph.types import Command, Send
from pydantic import BaseModel, Field

from bailiwick.graphs.supervision.history import (
    IS_HANDOFF_BACK,
    find_message_from,
    message_names,
    narrow,
    with_task,
)

WHITESPACE_RE = re.compile(r"\s+")
METADATA_KEY_HANDOFF_DESTINATION = "__handoff_destination"
METADATA_KEY_IS_HANDOFF_BACK = IS_HANDOFF_BACK
FORWARD_TOOL_NAME = "forward_message"


class HandoffArgs(BaseModel):
    """State what a hand-off takes: the model gives the task alone, if it gives one."""

    state: Annotated[dict[str, Any], InjectedState]
    tool_call_id: Annotated[str, InjectedToolCallId]
    task: str = Field(
        default="",
        description="What the agent should do, in your own words."
        " Leave it out if the conversation already says it.",
    )


class ForwardArgs(BaseModel):
    """State what forwarding takes: the model names whose message it means."""

    from_agent: str
    state: Annotated[dict[str, Any], InjectedState]


class HandoffTool(BaseTool):
    """Hand over to an agent.

    Our supervisor reads the tool's call and routes by itself; it never runs the tool. Anywhere
    else the tool runs and returns the command that routes in the graph around it.

    Attributes:
        agent_name: The agent, by the name of its node.
        add_handoff_messages: Whether the call and its answer are kept in the history.
    """

    args_schema: ArgsSchema | None = HandoffArgs
    agent_name: str
    add_handoff_messages: bool = True

    def answer(self, tool_call_id: str) -> ToolMessage:
        """Return the message that answers a call of this tool."""
        return ToolMessage(
            content=f"Successfully transferred to {self.agent_name}",
            name=self.name,
            tool_call_id=tool_call_id,
            response_metadata={METADATA_KEY_HANDOFF_DESTINATION: self.agent_name},
        )

    def _run(self, state: dict[str, Any], tool_call_id: str, task: str = "") -> Command[str]:
        # What routes to the agent in the graph around the one that runs the tool.
        *history, last = state["messages"]
        answer = self.answer(tool_call_id)
        is_alone = not isinstance(last, AIMessage) or len(last.tool_calls) < 2  # noqa: PLR2004 - one call, or several
        said = last if is_alone else narrow(last, {tool_call_id})
        told = [*history, said, answer] if self.add_handoff_messages else history
        view = with_task(told, task, name=last.name, key=tool_call_id)
        send = Send(self.agent_name, {**state, "messages": view})
        if not is_alone:
            # A list of nothing but sends: the tool node joins those of parallel calls.
            return Command(graph=Command.PARENT, goto=[send])
        update = {**state, "messages": told}
        return Command(graph=Command.PARENT, goto=send if task else self.agent_name, update=update)


class ForwardTool(BaseTool):
    """Pass a worker's message on as the supervisor's own answer.

    Attributes:
        supervisor_name: Whose name the passed-on message carries.
    """

    args_schema: ArgsSchema | None = ForwardArgs
    supervisor_name: str = "supervisor"

    def forwarded(self, messages: Sequence[BaseMessage], from_agent: str) -> AIMessage | str:
        """Return the agent's latest message under the supervisor's name, or why there is none."""
        found = find_message_from(messages, from_agent)
        if found is None:
            return (
                f"Could not find message from source agent {from_agent}. "
                f"Found names: {message_names(messages)}"
            )
        return AIMessage(content=found.content, name=self.supervisor_name, id=str(uuid4()))

    def _run(self, from_agent: str, state: dict[str, Any]) -> str | Command[str]:
        message = self.forwarded(state["messages"], from_agent)
        if isinstance(message, str):
            return message
        update = {**state, "messages": [message]}
        return Command(graph=Command.PARENT, goto="__end__", update=update)


def normalize_agent_name(agent_name: str) -> str:
    """Return the form of an agent's name that stands in tool names: `My Agent` is `my_agent`."""
    return WHITESPACE_RE.sub("_", agent_name.strip()).lower()


def create_handoff_tool(
    *,
    agent_name: str,
    name: str | None = None,
    description: str | None = None,
    add_handoff_messages: bool = True,
) -> BaseTool:
    """Create the tool that hands over to an agent.

    The model may add a `task`: the agent then reads it as the last message of its view, and
    nobody else does.

    Args:
        agent_name: The agent's name, which is also the name of its node. Keep it short, unique and
            in characters that model providers accept in tool names.
        name: The tool's name; `transfer_to_<agent_name>` if none is given.
        description: What the model reads about the tool.
        add_handoff_messages: Whether the call and its answer are kept in the history.
    """
    return HandoffTool(
        name=name or f"transfer_to_{normalize_agent_name(agent_name)}",
        description=description or f"Ask agent '{agent_name}' for help",
        metadata={METADATA_KEY_HANDOFF_DESTINATION: agent_name},
        agent_name=agent_name,
        add_handoff_messages=add_handoff_messages,
    )


def create_handoff_back_messages(
    agent_name: str, supervisor_name: str
) -> tuple[AIMessage, ToolMessage]:
    """Return the call and the answer that stand in the history where an agent is done."""
    call_id = str(uuid4())
    name = f"transfer_back_to_{normalize_agent_name(supervisor_name)}"
    return (
        AIMessage(
            content=f"Transferring back to {supervisor_name}",
            tool_calls=[ToolCall(name=name, args={}, id=call_id)],
            name=agent_name,
            response_metadata={METADATA_KEY_IS_HANDOFF_BACK: True},
        ),
        ToolMessage(
            content=f"Successfully transferred back to {supervisor_name}",
            name=name,
            tool_call_id=call_id,
            response_metadata={METADATA_KEY_IS_HANDOFF_BACK: True},
        ),
    )


def create_forward_message_tool(supervisor_name: str = "supervisor") -> BaseTool:
    """Create the tool that answers the user with a worker's own words.

    It saves the supervisor from writing them again, and so from changing them. Called alone it
    ends the run; beside other calls it is refused.

    Args:
        supervisor_name: Whose name the passed-on message carries.
    """
    return ForwardTool(
        name=FORWARD_TOOL_NAME,
        description="Give the user the latest message of the named agent, word for word."
        " Prefer this to repeating what an agent wrote: nothing is lost and it is faster.",
        supervisor_name=supervisor_name,
    )
