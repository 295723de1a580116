"""Owns what a guard demands of a supervisor: governed agents, governed tools, decided hand-offs."""

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.pregel import Pregel
from langgraph.pregel.protocol import PregelProtocol

from bailiwick.agents.specialist import SpecialistGraph
from bailiwick.graphs.supervision.contents import contents_of
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.guard import Guard
from bailiwick.tools.locations import Location
from bailiwick.tools.people.requests import request_key


def refuse_hand_off(
    guard: Guard,
    supervisor: str,
    agent: str,
    messages: Sequence[BaseMessage],
    config: RunnableConfig,
) -> str | None:
    """Ask the guard about a hand-off; return the refusal, or `None` if it may be."""
    where = Location.of(config)
    return guard.hand_off(
        chain=where.chain,
        agent=supervisor,
        to=agent,
        thread=where.thread,
        requester=requester_of(guard, request_of(messages, config), config),
    )


def note_request(
    guard: Guard | None, messages: Sequence[BaseMessage], config: RunnableConfig
) -> None:
    """Write down who asked, before a model or a hook has any part in it.

    Either can break off or wait for somebody, and whoever carries the thread on did not ask.
    """
    if guard is not None:
        requester_of(guard, request_of(messages, config), config)


async def anote_request(
    guard: Guard | None, messages: Sequence[BaseMessage], config: RunnableConfig
) -> None:
    """Do what `note_request` does, on an event loop."""
    if guard is not None:
        await arequester_of(guard, request_of(messages, config), config)


def request_of(messages: Sequence[BaseMessage], config: RunnableConfig) -> str:
    """Return the key of what persons said last, to a supervisor or to the one above it."""
    return Location.of(config).request or request_key(messages)


def requester_of(guard: Guard, request: str, config: RunnableConfig) -> str:
    """Return who asked for what a supervisor works on; written down where it is new."""
    return guard.requester(Location.of(config), request)


async def arequester_of(guard: Guard, request: str, config: RunnableConfig) -> str:
    """Do what `requester_of` does, on an event loop."""
    where = Location.of(config)
    if where.requester is not None or guard.requests.is_known(where.thread, request):
        return requester_of(guard, request, config)
    return await guard.ledger.off_loop(lambda: requester_of(guard, request, config))


def check_agent(agent: Any, guard: Guard) -> None:  # noqa: ANN401 - graphs of several kinds
    """Refuse an agent that could run a tool outside the guard.

    Raises:
        ValueError: If the agent runs elsewhere, or holds a tool that this guard does not govern.
    """
    if not isinstance(agent, Pregel) or any(map(_is_elsewhere, contents_of(agent))):
        raise ValueError(
            f"Agent '{agent.name}' runs in another process, where this guard governs nothing: "
            "run it there under a guard of its own, without one here"
        )
    if any(other is not guard for other in _guards_of(agent)):
        raise ValueError(
            f"Agent '{agent.name}' is governed by another guard, with other rules and another"
            " record: give the same guard to all"
        )
    tools = (each for each in contents_of(agent) if isinstance(each, BaseTool))
    loose = sorted({tool.name for tool in tools if not guard.governs(tool)})
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


def _is_elsewhere(part: object) -> bool:
    return isinstance(part, PregelProtocol) and not isinstance(part, Pregel)


def _guards_of(graph: Pregel[Any, Any, Any, Any]) -> Iterator[Guard]:
    for each in contents_of(graph):
        builder = getattr(each, "builder", None)
        if isinstance(builder, SpecialistGraph) and builder.guard is not None:
            yield builder.guard
