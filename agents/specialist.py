"""Owns the specialist: an agent whose every tool call goes through the guard."""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard, cast

from langchain_core.language_models import LanguageModelInput, LanguageModelLike
from langchain_core.messages import AIMessage, SystemMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bailiwick.agents.bindings import bind_tools
from bailiwick.agents.node import Node
from bailiwick.agents.nodes import ApprovalNode, ExecuteNode, ModelNode
from bailiwick.agents.state import AgentInput, AgentState
from bailiwick.agents.ungoverned import UngovernedTools
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.guard import Guard
from bailiwick.tools.toolsets import Toolset

Specialist = CompiledStateGraph[AgentState, None, AgentInput, AgentState]

_ENTRY = "branch:to:model"
"""The channel by which LangGraph has the node `model` run."""

ENTERED: dict[str, Any] = {"messages": [], _ENTRY: None}
"""The input of a specialist that is entered at its model."""


class SpecialistGraph(StateGraph[AgentState, None, AgentInput, AgentState]):
    """Build a specialist's graph; a supervisor knows specialists by this class.

    Attributes:
        agent: The specialist's name.
        guard: The guard of its tools; `None` for an ungoverned one.
    """

    def __init__(self, agent: str, guard: Guard | None) -> None:
        super().__init__(AgentState)
        self.agent = agent
        self.guard = guard


def create_specialist(
    name: str,
    *,
    model: LanguageModelLike,
    tools: Sequence[BaseTool | Callable[..., Any]] = (),
    guard: Guard | None = None,
    prompt: str | SystemMessage | None = None,
) -> Specialist:
    """Create an agent that calls a model and runs the tools it asks for, each call governed.

    The graph has the nodes `model`, `approval` and `execute`. Every tool call of a turn is a task
    of its own: an allowed one goes straight to `execute`, one that needs a person stops at
    `approval` and runs there once it is approved (edited, it goes on to `execute`), and what has
    run does not run again when the answer comes.

    Args:
        name: The agent's name, which the policy's rules and Vault's roles go by.
        model: The chat model, or a binding or a sequence around one.
        tools: Scoped tools; without a guard, any tools. The model reads what each returns, also of
            one with `return_direct`.
        guard: What decides, leases and records; without one nothing is governed.
        prompt: The system message.

    Raises:
        ScopeError: If there is a guard and a tool is not scoped or cannot get its credential, or
            if there is none and a tool is scoped.
        TypeError: If the model is none that takes tools, or the prompt is no text and no message.
        ValueError: If the name is empty, or other tools are bound to the model already.
    """
    _check(name, model, prompt)
    graph = SpecialistGraph(name, guard)
    toolset = None if guard is None else Toolset(guard, tools, agent=name)
    schemas = _add_tools(graph, tools) if toolset is None else _add_governed_tools(graph, toolset)
    # Chat models say messages of this kind alone.
    said_by = bind_tools(model, schemas) if schemas else model
    bound = cast("Runnable[LanguageModelInput, AIMessage]", said_by)
    system = SystemMessage(prompt) if isinstance(prompt, str) else prompt
    thinking = ModelNode(name, bound, system, toolset)
    ways = (*graph.nodes, END)
    graph.add_node("model", Node(thinking.call, thinking.acall, name="model"), destinations=ways)
    graph.add_edge(START, "model")
    return graph.compile(name=name)


def is_specialist(agent: object) -> TypeGuard[Specialist]:
    """Tell whether an agent is one of ours."""
    return isinstance(getattr(agent, "builder", None), SpecialistGraph)


def entered_at_model(specialist: Specialist) -> Specialist:
    """Return the same specialist for who invokes it with `ENTERED`: without a step for its input.

    LangGraph takes a step, a task and a checkpoint to copy a graph's input into its state. Under a
    supervisor there is nothing to copy: the history is read by reference.
    """
    if _ENTRY not in specialist.channels:
        return specialist
    return specialist.copy({"input_channels": list(ENTERED)})


def _check(name: str, model: object, prompt: object) -> None:
    # Hosts need not have their types checked.
    if not name:
        raise ValueError("an agent without a name: rules and roles go by it, so give it one")
    if not isinstance(model, Runnable):
        raise TypeError(f"the model of {name!r} is {model!r}: give a chat model")
    if not isinstance(prompt, str | SystemMessage | None):
        kind = type(prompt).__name__
        raise TypeError(f"the prompt of {name!r} is a {kind}: give a text or a SystemMessage")


def _add_governed_tools(graph: SpecialistGraph, toolset: Toolset) -> list[BaseTool]:
    approval, execute = ApprovalNode(toolset), ExecuteNode(toolset)
    graph.add_node(
        "approval",
        Node(approval.call, approval.acall, name="approval"),
        destinations=("execute", "approval", "model"),
    )
    graph.add_node("execute", Node(execute.call, execute.acall, name="execute"))
    graph.add_edge("execute", "model")
    return list(toolset.tools.values())


def _add_tools(
    graph: SpecialistGraph, tools: Sequence[BaseTool | Callable[..., Any]]
) -> list[BaseTool]:
    scoped = [tool.name for tool in tools if isinstance(tool, ScopedTool)]
    if scoped:
        raise ScopeError(f"{', '.join(scoped)}: a scoped tool needs create_specialist(..., guard=)")
    if not tools:
        return []
    node = UngovernedTools(tools)
    graph.add_node("execute", node)
    graph.add_edge("execute", "model")
    return list(node.tool_node.tools_by_name.values())
