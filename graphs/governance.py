"""Owns what a guard demands of a supervisor: governed agents, governed tools, decided hand-offs."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode
from langgraph.pregel import Pregel

from bailiwick.agents.specialist import SpecialistGraph
from bailiwick.graphs.own_tools import OwnTools
from bailiwick.tools.delegation import current
from bailiwick.tools.scoped import ScopedTool


class Guard(Protocol):
    """Decide about hand-offs and govern tools; `bailiwick.tools.Guard` does."""

    def hand_off(self, *, chain: tuple[str, ...], agent: str, to: str, thread: str) -> str | None:
        """Record a hand-off and return `None`, or return why it may not be."""
        ...

    def bind(self, tools: Sequence[BaseTool], *, agent: str | None = None) -> list[BaseTool]:
        """Return the scoped tools as tools that are governed wherever they run."""
        ...

    def governs(self, tool: object) -> bool:
        """Tell whether a tool runs under this guard."""
        ...


def refuse_hand_off(
    guard: Guard, supervisor: str, agent: str, config: RunnableConfig
) -> str | None:
    """Ask the guard about a hand-off; return the refusal, or `None` if it may be."""
    delegation = current()
    return guard.hand_off(
        chain=delegation.chain if delegation else (),
        agent=supervisor,
        to=agent,
        thread=str(config.get("configurable", {}).get("thread_id", "")),
    )


def check_agent(agent: Any, guard: Guard) -> None:  # noqa: ANN401 - graphs of several kinds
    """Refuse an agent that could run a tool outside the guard.

    Raises:
        ValueError: If the agent runs elsewhere, or holds a tool that this guard does not govern.
    """
    if not isinstance(agent, Pregel):
        raise ValueError(  # noqa: TRY004 - one error for whatever the guard cannot govern
            f"Agent '{agent.name}' runs in another process, where this guard governs nothing: "
            "run it there under a guard of its own, without one here"
        )
    loose = sorted({tool.name for tool in _tools_of(agent, guard) if not guard.governs(tool)})
    if loose:
        raise ValueError(
            f"Agent '{agent.name}' holds tools that the guard does not govern: {', '.join(loose)}. "
            "Make it with create_specialist(..., guard=guard), or give it guard.bind([...])"
        )


def governed_tool(tool: BaseTool, guard: Guard, supervisor: str) -> BaseTool:
    """Return one of the supervisor's own tools as the guard governs it.

    Raises:
        ValueError: If the tool is neither scoped nor governed.
    """
    if isinstance(tool, ScopedTool):
        (bound,) = guard.bind([tool], agent=supervisor)
        return bound
    if guard.governs(tool):
        return tool
    raise ValueError(
        f"Tool '{tool.name}' of '{supervisor}' is not governed: scope it with scoped_tool"
    )


def _tools_of(graph: Pregel[Any, Any, Any, Any], guard: Guard) -> Iterator[BaseTool]:
    builder = getattr(graph, "builder", None)
    if isinstance(builder, SpecialistGraph) and builder.guard is guard:
        return
    for node in graph.nodes.values():
        yield from _tools_in(node.bound)
    for _, inner in graph.get_subgraphs():
        if isinstance(inner, Pregel):
            yield from _tools_of(inner, guard)


def _tools_in(bound: Runnable[Any, Any]) -> Iterator[BaseTool]:
    node = bound.tool_node if isinstance(bound, OwnTools) else bound
    if isinstance(node, ToolNode):
        yield from node.tools_by_name.values()
