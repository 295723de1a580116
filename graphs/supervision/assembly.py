"""Owns how a supervisor's nodes stand together: hooks, the supervisor, its agents, its tools."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.channels import DeltaChannel, EphemeralValue
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from bailiwick.agents.node import Node
from bailiwick.graphs.state import merge_messages
from bailiwick.graphs.supervision.governance import anote_request, note_request
from bailiwick.graphs.supervision.interrupted import (
    ainterrupted,
    interrupted,
    with_messages,
    with_update,
)
from bailiwick.graphs.supervision.model import StructuredAnswer, SupervisorModel, fields
from bailiwick.graphs.supervision.routing import Router, Turn
from bailiwick.graphs.supervision.toolbox import Toolbox
from bailiwick.tools.guard import Guard

Hook = Callable[..., Any] | Runnable[Any, Any]

REQUEST = "note_request"
PRE_MODEL_HOOK = "pre_model_hook"
POST_MODEL_HOOK = "post_model_hook"
STRUCTURED_RESPONSE = "generate_structured_response"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Hold the nodes that a supervisor has only if asked.

    Attributes:
        before: Runs before the model.
        after: Runs after the model; the way is chosen after it.
        structured: Makes the structured answer at the end.
    """

    before: Hook | None
    after: Hook | None
    structured: StructuredAnswer | None

    def entry(self, supervisor: str) -> str:
        """Return the node that a turn of the supervisor starts with."""
        return PRE_MODEL_HOOK if self.before else supervisor

    @property
    def finish(self) -> str:
        """The node that ends a run, or `END`."""
        return STRUCTURED_RESPONSE if self.structured else END


@dataclass(frozen=True, slots=True)
class Reception:
    """Write down who asked before a hook runs, which may wait for somebody else."""

    guard: Guard

    def run(self, state: Any, config: RunnableConfig) -> None:  # noqa: ANN401 - a graph's state
        """Change nothing in the state."""
        note_request(self.guard, fields(state)["messages"], config)

    async def arun(self, state: Any, config: RunnableConfig) -> None:  # noqa: ANN401 - as above
        """Change nothing in the state, asynchronously."""
        await anote_request(self.guard, fields(state)["messages"], config)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Call the model, and route its message in the same step."""

    model: SupervisorModel
    router: Router

    def run(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - a graph's state
        """Return the update and the next nodes."""
        given = fields(state)
        note_request(self.router.guard, given["messages"], config)
        broken = interrupted(self.router.guard, given["messages"], config)
        given = with_messages(given, broken)
        said = self.model.answer(given, config)
        turn = Turn(said=said, history=given["messages"])
        return with_update(self.router.route(turn, given, config), broken)

    async def arun(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - as above
        """Return the update and the next nodes, asynchronously."""
        given = fields(state)
        await anote_request(self.router.guard, given["messages"], config)
        broken = await ainterrupted(self.router.guard, given["messages"], config)
        given = with_messages(given, broken)
        said = await self.model.aanswer(given, config)
        turn = Turn(said=said, history=given["messages"])
        return with_update(await self.router.aroute(turn, given, config), broken)


@dataclass(frozen=True, slots=True)
class ReviewedSpeaker:
    """Call the model in one node and route in another.

    A hook can stand between them, and a hand-off tool of somebody else's can interrupt: the model,
    which could want something else then, does not run again when the answer comes.
    """

    model: SupervisorModel
    router: Router

    def run(self, state: Any, config: RunnableConfig) -> dict[str, Any]:  # noqa: ANN401 - a graph's state
        """Return the model's message as an update."""
        given = fields(state)
        note_request(self.router.guard, given["messages"], config)
        broken = interrupted(self.router.guard, given["messages"], config)
        return {"messages": [*broken, self.model.answer(with_messages(given, broken), config)]}

    async def arun(self, state: Any, config: RunnableConfig) -> dict[str, Any]:  # noqa: ANN401 - as above
        """Return the model's message as an update, asynchronously."""
        given = fields(state)
        await anote_request(self.router.guard, given["messages"], config)
        broken = await ainterrupted(self.router.guard, given["messages"], config)
        said = await self.model.aanswer(with_messages(given, broken), config)
        return {"messages": [*broken, said]}

    def route(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - as above
        """Return the next nodes for the message that the hook has left."""
        given = fields(state)
        return self.router.route(_stored_turn(given), given, config)

    async def aroute(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - as above
        """Return the next nodes for the message that the hook has left, asynchronously."""
        given = fields(state)
        return await self.router.aroute(_stored_turn(given), given, config)


def _stored_turn(state: Mapping[str, Any]) -> Turn:
    messages = state["messages"]
    said = [at for at, message in enumerate(messages) if isinstance(message, AIMessage)]
    if not said:
        raise ValueError(
            f"the `{POST_MODEL_HOOK}` left no message of the model: let it leave one, without tool"
            " calls if the run is to end"
        )
    at = said[-1]
    answered = {m.tool_call_id for m in messages[at + 1 :] if isinstance(m, ToolMessage)}
    return Turn(
        said=messages[at],
        history=messages[:at],
        answered=frozenset(answered),
        is_stored=True,
    )


def add_supervisor(  # noqa: PLR0913 - what it is put together of
    graph: StateGraph[Any, Any, Any, Any],
    model: SupervisorModel,
    toolbox: Toolbox,
    extras: Extras,
    guard: Guard | None,
    *,
    seen: type[Any],
) -> None:
    """Add the supervisor, its hooks, its tools and its ending to a graph.

    Args:
        graph: The graph.
        model: The supervisor's model.
        toolbox: Its tools.
        extras: The nodes that it has besides.
        guard: What decides about hand-offs, if anything does.
        seen: The schema of what the supervisor sees of the state.
    """
    router = _router(graph, model.name, toolbox, extras, guard)
    tools = [str(toolbox.own.name)] if toolbox.own else []
    ends = (*dict.fromkeys(toolbox.agents.values()), *tools, router.finish)
    if extras.before:
        graph.add_node(PRE_MODEL_HOOK, extras.before)
        graph.add_edge(PRE_MODEL_HOOK, model.name)
    if extras.before and guard:
        reception = Reception(guard)
        graph.add_node(REQUEST, Node(reception.run, reception.arun, name=REQUEST))
        graph.add_edge(START, REQUEST)
        graph.add_edge(REQUEST, router.entry)
    else:
        graph.add_edge(START, router.entry)
    schema = _hooked(seen) if extras.before else seen
    if extras.after or toolbox.foreign:
        _add_reviewed(graph, ReviewedSpeaker(model, router), extras.after, schema, ends)
    else:
        speaker = Speaker(model, router)
        node = Node(speaker.run, speaker.arun, name=model.name)
        graph.add_node(model.name, node, destinations=ends, input_schema=schema)
    if toolbox.own:
        graph.add_node(tools[0], toolbox.own, destinations=(router.entry, router.finish))
    if extras.structured:
        ending = extras.structured
        node = Node(ending.run, ending.arun, name=STRUCTURED_RESPONSE)
        graph.add_node(STRUCTURED_RESPONSE, node)


def _router(
    graph: StateGraph[Any, Any, Any, Any],
    supervisor: str,
    toolbox: Toolbox,
    extras: Extras,
    guard: Guard | None,
) -> Router:
    messages = graph.channels.get("messages")
    return Router(
        supervisor=supervisor,
        entry=extras.entry(supervisor),
        finish=extras.finish,
        handoffs=toolbox.handoffs,
        forwards=toolbox.forwards,
        foreign=toolbox.foreign,
        own_tools=toolbox.own,
        direct=toolbox.direct,
        orders_answers=isinstance(messages, DeltaChannel) and messages.reducer is merge_messages,
        guard=guard,
    )


def _add_reviewed(
    graph: StateGraph[Any, Any, Any, Any],
    speaker: ReviewedSpeaker,
    hook: Hook | None,
    schema: Any,  # noqa: ANN401 - a class made of another's annotations
    ends: Sequence[str],
) -> None:
    name = speaker.model.name
    graph.add_node(name, Node(speaker.run, speaker.arun, name=name), input_schema=schema)
    router = f"{name}_route"
    if hook:
        graph.add_node(POST_MODEL_HOOK, hook)
        graph.add_edge(name, POST_MODEL_HOOK)
    graph.add_edge(POST_MODEL_HOOK if hook else name, router)
    node = Node(speaker.route, speaker.aroute, name=router)
    graph.add_node(router, node, destinations=tuple(ends))


def _hooked(schema: type[Any]) -> Any:  # noqa: ANN401 - type checkers do not follow a class made at run time
    """Return the schema with the key by which a hook gives the model other messages.

    It lasts for one step: messages of an earlier turn can never stand in for those of this one.
    """
    keys = get_type_hints(schema, include_extras=True)
    keys["llm_input_messages"] = Annotated[list[AnyMessage], EphemeralValue]
    return TypedDict("HookedState", keys)  # type: ignore[operator]  # as above
