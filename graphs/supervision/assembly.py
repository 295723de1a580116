"""Owns how a supervisor's nodes stand together: hooks, the supervisor, its agents, its tools."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_type_hints

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from bailiwick.agents.messages import merge_messages
from bailiwick.agents.node import Node
from bailiwick.graphs.supervision.model import StructuredAnswer, SupervisorModel
from bailiwick.graphs.supervision.opening import Hook, Opening, PreModelHook, as_node
from bailiwick.graphs.supervision.routing import Router, Turn
from bailiwick.graphs.supervision.states import State, value_of
from bailiwick.graphs.supervision.toolbox import Toolbox
from bailiwick.tools.guard import Guard

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

    @property
    def finish(self) -> str:
        """The node that ends a run, or `END`."""
        return STRUCTURED_RESPONSE if self.structured else END


@dataclass(frozen=True, slots=True)
class Speaker:
    """Call the model, and route its message in the same step."""

    opening: Opening
    model: SupervisorModel
    router: Router

    def run(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - a graph's state
        """Return the update and the next nodes."""
        opened = self.opening.run(state, config)
        said = self.model.answer(opened.spoken, config)
        turn = Turn(said=said, history=value_of(opened.state, "messages"))
        return opened.command(self.router.route(turn, opened.state, config))

    async def arun(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - as above
        """Return the update and the next nodes, asynchronously."""
        opened = await self.opening.arun(state, config)
        said = await self.model.aanswer(opened.spoken, config)
        turn = Turn(said=said, history=value_of(opened.state, "messages"))
        return opened.command(await self.router.aroute(turn, opened.state, config))


@dataclass(frozen=True, slots=True)
class ReviewedSpeaker:
    """Call the model in one node and route in another.

    A hook can stand between them, and a hand-off tool of somebody else's can interrupt: the model,
    which could want something else then, does not run again when the answer comes.
    """

    opening: Opening
    model: SupervisorModel
    router: Router

    def run(self, state: Any, config: RunnableConfig) -> dict[str, Any]:  # noqa: ANN401 - a graph's state
        """Return the model's message as an update."""
        opened = self.opening.run(state, config)
        return opened.before({"messages": [self.model.answer(opened.spoken, config)]})

    async def arun(self, state: Any, config: RunnableConfig) -> dict[str, Any]:  # noqa: ANN401 - as above
        """Return the model's message as an update, asynchronously."""
        opened = await self.opening.arun(state, config)
        return opened.before({"messages": [await self.model.aanswer(opened.spoken, config)]})

    def route(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - as above
        """Return the next nodes for the message that the hook has left."""
        return self.router.route(_stored_turn(state), state, config)

    async def aroute(self, state: Any, config: RunnableConfig) -> Command[str]:  # noqa: ANN401 - as above
        """Return the next nodes for the message that the hook has left, asynchronously."""
        return await self.router.aroute(_stored_turn(state), state, config)


@dataclass(frozen=True, slots=True)
class Review:
    """Run the hook after the model.

    It may write no messages; whoever reads the stream of updates looks for them all the same.
    """

    hook: Runnable[Any, Any]

    def run(self, state: Any, config: RunnableConfig) -> Any:  # noqa: ANN401 - a graph's state
        """Return the hook's update."""
        return _with_messages(self.hook.invoke(state, config))

    async def arun(self, state: Any, config: RunnableConfig) -> Any:  # noqa: ANN401 - as above
        """Return the hook's update, asynchronously."""
        return _with_messages(await self.hook.ainvoke(state, config))


def _with_messages(output: Any) -> Any:  # noqa: ANN401 - of any schema
    if isinstance(output, Command):
        return replace(output, update=_with_messages(output.update))
    return {"messages": [], **(output or {})} if isinstance(output, dict | None) else output


def _stored_turn(state: State) -> Turn:
    messages = value_of(state, "messages")
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


def add_supervisor(
    graph: StateGraph[Any, Any, Any, Any],
    model: SupervisorModel,
    toolbox: Toolbox,
    extras: Extras,
    guard: Guard | None,
) -> None:
    """Add the supervisor, its hooks, its tools and its ending to a graph.

    Args:
        graph: The graph.
        model: The supervisor's model.
        toolbox: Its tools.
        extras: The nodes that it has besides.
        guard: What decides about hand-offs, if anything does.
    """
    router = _router(graph, model.name, toolbox, extras, guard)
    tools = [str(toolbox.own.name)] if toolbox.own else []
    ends = (*dict.fromkeys(toolbox.agents.values()), *tools, router.finish)
    graph.add_edge(START, model.name)
    hook = PreModelHook.of(extras.before, graph) if extras.before else None
    opening = Opening(guard=guard, hook=hook)
    schema = _seen(graph.state_schema, hook) if hook else graph.state_schema
    subgraphs = [hook.runnable] if hook else []
    if extras.after or toolbox.foreign:
        reviewed = ReviewedSpeaker(opening, model, router)
        node = Node(reviewed.run, reviewed.arun, name=model.name, subgraphs=subgraphs)
        graph.add_node(model.name, node, input_schema=schema)
        _add_review(graph, reviewed, extras.after, ends)
    else:
        speaker = Speaker(opening, model, router)
        node = Node(speaker.run, speaker.arun, name=model.name, subgraphs=subgraphs)
        graph.add_node(model.name, node, destinations=ends, input_schema=schema)
    if toolbox.own:
        graph.add_node(tools[0], toolbox.own, destinations=(model.name, router.finish))
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
        finish=extras.finish,
        handoffs=toolbox.handoffs,
        forwards=toolbox.forwards,
        foreign=toolbox.foreign,
        own_tools=toolbox.own,
        direct=toolbox.direct,
        orders_answers=isinstance(messages, DeltaChannel) and messages.reducer is merge_messages,
        guard=guard,
    )


def _add_review(
    graph: StateGraph[Any, Any, Any, Any],
    speaker: ReviewedSpeaker,
    hook: Hook | None,
    ends: Sequence[str],
) -> None:
    name = speaker.model.name
    router = f"{name}_route"
    if hook:
        runnable, schema = as_node(hook, graph)
        review = Review(runnable)
        node = Node(review.run, review.arun, name=POST_MODEL_HOOK, subgraphs=[runnable])
        graph.add_node(POST_MODEL_HOOK, node, input_schema=schema)
        graph.add_edge(name, POST_MODEL_HOOK)
    graph.add_edge(POST_MODEL_HOOK if hook else name, router)
    node = Node(speaker.route, speaker.aroute, name=router)
    graph.add_node(router, node, destinations=tuple(ends))


def _seen(schema: type[Any], hook: PreModelHook) -> Any:  # noqa: ANN401 - type checkers do not follow a class made at run time
    """Return the schema with what else the hook reads of the state."""
    keys = get_type_hints(schema, include_extras=True)
    own = get_type_hints(hook.schema, include_extras=True) if hook.schema else {}
    if own.keys() <= keys.keys():
        return schema
    return TypedDict("HookedState", {**own, **keys})  # type: ignore[operator]  # as above
