"""Owns the supervisor's tools, sorted by what happens when the model calls them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode

from bailiwick.graphs.handoff import (
    METADATA_KEY_HANDOFF_DESTINATION,
    ForwardTool,
    HandoffTool,
    create_handoff_tool,
    normalize_agent_name,
)
from bailiwick.graphs.supervision.foreign import ForeignHandoffs
from bailiwick.graphs.supervision.governance import governed_tool
from bailiwick.graphs.supervision.own_tools import OwnTools
from bailiwick.graphs.supervision.states import StateForm
from bailiwick.tools.guard import Guard

Tools = Sequence[BaseTool | Callable[..., Any]] | ToolNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """Hold the supervisor's tools.

    Attributes:
        everything: All tools, in the order in which the model sees them.
        handoffs: Our hand-off tools, by name.
        forwards: Our forwarding tools, by name.
        foreign: Hand-off tools made by others, if there are any.
        own: The node of all other tools, if there are any.
    """

    everything: Sequence[BaseTool]
    handoffs: Mapping[str, HandoffTool]
    forwards: Mapping[str, ForwardTool]
    foreign: ForeignHandoffs | None
    own: OwnTools | None

    @property
    def agents(self) -> dict[str, str]:
        """The agents that are handed over to, by the tools' names."""
        ours = {name: tool.agent_name for name, tool in self.handoffs.items()}
        return ours | dict(self.foreign.agents if self.foreign else {})

    @property
    def leaving(self) -> frozenset[str]:
        """The names of tools that end the supervisor's turn: hand-offs and forwarding."""
        return frozenset([*self.agents, *self.forwards])

    @property
    def direct(self) -> frozenset[str]:
        """The names of own tools whose result ends the run."""
        tools = self.own.tool_node.tools_by_name if self.own else {}
        return frozenset(name for name, tool in tools.items() if tool.return_direct)


def create_toolbox(
    tools: Tools | None,
    handoffs: Sequence[BaseTool],
    form: StateForm,
    *,
    supervisor: str,
    guard: Guard | None,
) -> Toolbox:
    """Sort the tools by what happens when the model calls them.

    Args:
        tools: The given tools.
        handoffs: A hand-off tool for each agent, taken if none are among the given tools.
        form: How the graph's state looks to the tools.
        supervisor: The supervisor's name.
        guard: What has to govern the tools, if anything.

    Raises:
        ValueError: If two tools share a name, if hand-off tools are given for some agents only, or
            if the guard does not govern a tool.
    """
    node = _tool_node(tools, guard, supervisor)
    given = list(node.tools_by_name.values())
    handing = [tool for tool in given if _destination(tool) is not None]
    if handing:
        _check_complete(handing, handoffs)
    everything = given if handing else [*given, *handoffs]
    _check_names(everything)
    foreign = {tool.name: str(_destination(tool)) for tool in handing if not _is_ours(tool)}
    has_own = any(tool.name not in foreign and not _is_ours(tool) for tool in given)
    return Toolbox(
        everything=everything,
        handoffs={tool.name: tool for tool in everything if isinstance(tool, HandoffTool)},
        forwards={tool.name: tool for tool in everything if isinstance(tool, ForwardTool)},
        foreign=ForeignHandoffs(node, foreign) if foreign else None,
        own=OwnTools(node, form, name=f"{supervisor}_tools") if has_own else None,
    )


def create_handoff_tools(
    agents: Iterable[str], prefix: str | None, *, add_handoff_messages: bool
) -> list[BaseTool]:
    """Create a hand-off tool for each agent, in order.

    Args:
        agents: The agents' names.
        prefix: What the tools' names start with; `transfer_to_` if it is not given.
        add_handoff_messages: Whether the calls and their answers are kept in the history.
    """
    return [
        create_handoff_tool(
            agent_name=agent,
            name=None if prefix is None else f"{prefix}{normalize_agent_name(agent)}",
            add_handoff_messages=add_handoff_messages,
        )
        for agent in agents
    ]


def _tool_node(tools: Tools | None, guard: Guard | None, supervisor: str) -> ToolNode:
    if isinstance(tools, ToolNode):
        # Its error handling is private to it, so it is used as it is or not at all.
        if guard is not None:
            _check_governed(tools.tools_by_name.values(), guard, supervisor)
        return tools
    node = ToolNode(tools or ())
    wrapped = list(node.tools_by_name.values())
    if len(wrapped) < len(tools or ()):
        raise ValueError(f"Tools of '{supervisor}' share a name: {_listed(wrapped)}. Rename one")
    if guard is None:
        return node
    return ToolNode([t if _is_ours(t) else governed_tool(t, guard, supervisor) for t in wrapped])


def _check_governed(tools: Iterable[BaseTool], guard: Guard, supervisor: str) -> None:
    for tool in tools:
        if not _is_ours(tool) and not guard.governs(tool):
            raise ValueError(
                f"Tool '{tool.name}' in the tool node of '{supervisor}' is not governed:"
                " put guard.bind([...]) into the node"
            )


def _is_ours(tool: BaseTool) -> bool:
    return isinstance(tool, (HandoffTool, ForwardTool))


def _destination(tool: BaseTool) -> object:
    return (tool.metadata or {}).get(METADATA_KEY_HANDOFF_DESTINATION)


def _check_complete(handing: Iterable[BaseTool], handoffs: Iterable[BaseTool]) -> None:
    covered = [_destination(tool) for tool in handing]
    agents = [str(_destination(tool)) for tool in handoffs]
    if missing := [agent for agent in agents if agent not in covered]:
        raise ValueError(
            "When providing custom handoff tools, you must provide them for all subagents. "
            f"Missing handoff tools for agents '{', '.join(missing)}'."
        )


def _check_names(tools: Iterable[BaseTool]) -> None:
    first: dict[str, BaseTool] = {}
    for tool in tools:
        other = first.setdefault(tool.name, tool)
        if other is not tool:
            raise ValueError(
                f"Two tools are named '{tool.name}', {_owner(other)} and {_owner(tool)}: tool names"
                " are lower case and have no spaces. Rename one"
            )


def _owner(tool: BaseTool) -> str:
    destination = _destination(tool)
    return "one of the supervisor's own" if destination is None else f"that of {destination!r}"


def _listed(tools: Iterable[BaseTool]) -> str:
    return ", ".join(tool.name for tool in tools)
