"""Owns the supervisor: one node that calls the model and routes, around it the agents."""

from collections.abc import Sequence
from typing import Any, Unpack
from warnings import warn

from langchain_core.language_models import LanguageModelLike
from langgraph.graph import StateGraph
from typing_extensions import TypedDict

from bailiwick.agents.bindings import bind_tools
from bailiwick.graphs.agent_name import AgentNameMode
from bailiwick.graphs.state import (
    CountedState,
    CountedStructuredState,
    StructuredSupervisorState,
    SupervisorState,
)
from bailiwick.graphs.supervision.assembly import Extras, add_supervisor
from bailiwick.graphs.supervision.governance import check_agent
from bailiwick.graphs.supervision.model import ResponseFormat, SupervisorModel, structured_answer
from bailiwick.graphs.supervision.opening import Hook
from bailiwick.graphs.supervision.prompts import Prompt, PromptInput
from bailiwick.graphs.supervision.states import StateForm
from bailiwick.graphs.supervision.toolbox import Tools, create_handoff_tools, create_toolbox
from bailiwick.graphs.supervision.workers import (
    Agent,
    OutputMode,
    Terms,
    add_workers,
    check_output_mode,
)
from bailiwick.tools.guard import Guard


class DeprecatedKwargs(TypedDict, total=False):
    """Hold arguments that other supervisors still know by an older name.

    Attributes:
        config_schema: The old name of `context_schema`.
    """

    config_schema: type[Any] | None


def create_supervisor(  # noqa: PLR0913 - the signature that callers know
    agents: Sequence[Agent],
    *,
    model: LanguageModelLike,
    tools: Tools | None = None,
    prompt: Prompt | None = None,
    response_format: ResponseFormat | None = None,
    pre_model_hook: Hook | None = None,
    post_model_hook: Hook | None = None,
    parallel_tool_calls: bool = False,
    state_schema: type[Any] | None = None,
    context_schema: type[Any] | None = None,
    output_mode: OutputMode = "last_message",
    add_handoff_messages: bool = True,
    handoff_tool_prefix: str | None = None,
    add_handoff_back_messages: bool | None = None,
    supervisor_name: str = "supervisor",
    include_agent_name: AgentNameMode | None = None,
    guard: Guard | None = None,
    **deprecated_kwargs: Unpack[DeprecatedKwargs],
) -> StateGraph[Any, Any, Any, Any]:
    """Create the graph of a supervisor and its agents; compile it to run it.

    The supervisor's model hands over to agents by calling tools. The hand-offs of one message run
    at the same time, beside calls of the supervisor's own tools; when all are done, the model is
    called again, until it answers without a call.

    Args:
        agents: Compiled graphs, functional workflows or remote graphs, each with a name of its own.
        model: A chat model, or a binding or a sequence around one.
        tools: Tools of the supervisor itself, or a tool node. If hand-off tools are among them,
            every agent needs one, and none are made.
        prompt: What the model reads before the conversation: text, a message, or a function or
            runnable that makes the model's whole input from the state.
        response_format: The shape of the final answer, which then stands in `structured_response`:
            a pydantic class, a TypedDict, a JSON schema, or a pair of a prompt and one of these.
            With a `state_schema`, that has to hold the key.
        pre_model_hook: Runs before each call of the model; returns an update of the state, or
            `llm_input_messages` for the model to read in place of the history.
        post_model_hook: Runs after each call of the model, before anything it asks for.
        parallel_tool_calls: Whether the model is told that it may call several tools at once; only
            for models that have such a setting.
        state_schema: The state; `messages` is required. Its own channels are used as they are.
        context_schema: The run's context.
        output_mode: What of an agent's work joins the history: its `last_message`, or its
            `full_history`.
        add_handoff_messages: Whether hand-off calls and their answers are kept in the history.
        handoff_tool_prefix: What the names of hand-off tools start with, in place of
            `transfer_to_`.
        add_handoff_back_messages: Whether the history says where an agent is done; as
            `add_handoff_messages` if it is not given.
        supervisor_name: The name of the supervisor and of its node.
        include_agent_name: `inline` writes agents' names into the content that the model reads.
        guard: What decides and records hand-offs, and governs every tool below.
        **deprecated_kwargs: `config_schema`, the old name of `context_schema`.

    Raises:
        ValueError: If an agent has no name, if two names are one or make one tool name, if hand-off
            tools are given for some agents only, if other tools are bound to the model already, or
            if an agent or a tool is not governed by the guard, or if the state has no place for
            the messages or the structured answer.
    """
    context = _context(context_schema, deprecated_kwargs)
    check_output_mode(output_mode)
    names = _names(agents, guard)
    if guard is not None:
        guard.strangers.tell(agents=(supervisor_name, *names))
    graph = _graph(state_schema, context, is_structured=response_format is not None)
    made = create_handoff_tools(
        names, handoff_tool_prefix, add_handoff_messages=add_handoff_messages
    )
    form = StateForm.of(graph)
    toolbox = create_toolbox(tools, made, form, supervisor=supervisor_name, guard=guard)
    bound = bind_tools(model, toolbox.everything, parallel_tool_calls=parallel_tool_calls)
    speaker = SupervisorModel(
        bound,
        supervisor_name,
        PromptInput(prompt),
        include_agent_name=include_agent_name,
        leaving=toolbox.leaving,
    )
    structured = structured_answer(model, response_format) if response_format else None
    extras = Extras(before=pre_model_hook, after=post_model_hook, structured=structured)
    add_supervisor(graph, speaker, toolbox, extras, guard)
    back = add_handoff_messages if add_handoff_back_messages is None else add_handoff_back_messages
    terms = Terms(
        supervisor=supervisor_name,
        agents=toolbox.agents,
        tasking=toolbox.handoffs,
        output_mode=output_mode,
        add_handoff_back_messages=back,
        channels=graph.channels,
        guard=guard,
    )
    add_workers(graph, agents, terms)
    return graph


def _context(
    context_schema: type[Any] | None, deprecated_kwargs: DeprecatedKwargs
) -> type[Any] | None:
    config_schema = deprecated_kwargs.get("config_schema")
    if config_schema is None:
        return context_schema
    message = "`config_schema` is deprecated: use `context_schema`"
    warn(message, DeprecationWarning, stacklevel=3)
    return config_schema


def _graph(
    state_schema: type[Any] | None, context: type[Any] | None, *, is_structured: bool
) -> StateGraph[Any, Any, Any, Any]:
    default = StructuredSupervisorState if is_structured else SupervisorState
    if state_schema is None:
        counted = CountedStructuredState if is_structured else CountedState
        return StateGraph(
            counted, context_schema=context, input_schema=default, output_schema=default
        )
    graph = StateGraph(state_schema, context_schema=context)
    if missing := default.__annotations__.keys() - graph.channels.keys():
        raise ValueError(f"Missing required key(s) {missing} in state_schema")
    return graph


def _names(agents: Sequence[Agent], guard: Guard | None) -> list[str]:
    names: list[str] = []
    for agent in agents:
        if agent.name is None or agent.name == "LangGraph":
            raise ValueError(
                "Please specify a name when you create your agent, either via "
                "`create_react_agent(..., name=agent_name)` or via `graph.compile(name=name)`."
            )
        if agent.name in names:
            raise ValueError(
                f"Agent with name '{agent.name}' already exists. Agent names must be unique."
            )
        if guard is not None:
            check_agent(agent, guard)
        names.append(agent.name)
    return names
