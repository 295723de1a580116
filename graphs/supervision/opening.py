"""Owns what a turn of the supervisor begins with: who asked, the hook, and work broken off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_type_hints
from uuid import uuid4

from langchain_core.messages import BaseMessage, RemoveMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.channels.base import BaseChannel
from langgraph.errors import ParentCommand
from langgraph.graph import StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command, Overwrite
from pydantic import BaseModel

from bailiwick.graphs.supervision.governance import anote_request, note_request
from bailiwick.graphs.supervision.history import as_messages
from bailiwick.graphs.supervision.interrupted import ainterrupted, interrupted, with_interrupted
from bailiwick.graphs.supervision.states import (
    State,
    fields,
    value_of,
    with_messages,
    with_values,
)
from bailiwick.tools.guard import Guard

Hook = Callable[..., Any] | Runnable[Any, Any]

MODEL_INPUT = "llm_input_messages"
"""The key by which a hook gives the model other messages than the history."""


def as_node(
    hook: Hook, graph: StateGraph[Any, Any, Any, Any]
) -> tuple[Runnable[Any, Any], type[Any]]:
    """Return how LangGraph would run a hook as a node of a graph, and the schema of its input."""
    node = StateGraph(graph.state_schema).add_node("hook", hook).nodes["hook"]
    return cast("Runnable[Any, Any]", node.runnable), node.input_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Hold the state that a turn goes on with.

    Attributes:
        state: The state, with what this step has written by now.
        update: What this step has written by now.
        model_input: What the model reads in the place of the history, if the hook has given that.
    """

    state: State
    update: dict[str, Any] = field(default_factory=dict)
    model_input: list[BaseMessage] | None = None

    @property
    def spoken(self) -> State:
        """The state as the model reads it."""
        return with_messages(self.state, self.model_input) if self.model_input else self.state

    def before(self, update: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return an update that writes this one first, and then the other."""
        then = dict(update or {})
        both = [*self.update.get("messages", ()), *then.get("messages", ())]
        return {**self.update, **then, **({"messages": both} if both else {})}

    def command(self, then: Command[str]) -> Command[str]:
        """Return a command that writes this update first."""
        return replace(then, update=self.before(then.update)) if self.update else then

    def with_answers(self, answers: list[BaseMessage]) -> "Opened":
        """Return it with messages written in the place of those that have their ids."""
        if not answers:
            return self
        return replace(
            self,
            state=with_interrupted(self.state, answers),
            update=self.before({"messages": answers}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreModelHook:
    """Run a hook in the step that calls the model, so that no way leads past it.

    Attributes:
        runnable: The hook, as LangGraph runs it.
        schema: What it wants to be given in the place of the supervisor's state, if anything.
        channels: The state's channels by key; they say what the hook's update makes of the state.
    """

    runnable: Runnable[Any, Any]
    schema: type[Any] | None
    channels: Mapping[str, BaseChannel[Any, Any, Any]]

    @classmethod
    def of(cls, hook: Hook, graph: StateGraph[Any, Any, Any, Any]) -> "PreModelHook":
        """Return a hook for the supervisor of a graph."""
        runnable, schema = as_node(hook, graph)
        own = None if schema is graph.state_schema else schema
        return cls(runnable=runnable, schema=own, channels=graph.channels)

    def run(self, state: Any, config: RunnableConfig) -> Opened:  # noqa: ANN401 - a graph's state
        """Return the state after the hook, and what the hook has written."""
        return self._opened(state, self.runnable.invoke(self._given(state), config))

    async def arun(self, state: Any, config: RunnableConfig) -> Opened:  # noqa: ANN401 - as above
        """Do what `run` does, on an event loop."""
        return self._opened(state, await self.runnable.ainvoke(self._given(state), config))

    def _given(self, state: Any) -> Any:  # noqa: ANN401 - of the hook's class
        if self.schema is None:
            return state
        keys = get_type_hints(self.schema).keys()
        return self.schema(**{key: value for key, value in fields(state).items() if key in keys})

    def _opened(self, state: Any, output: Any) -> Opened:  # noqa: ANN401 - of any schema
        if isinstance(output, Command) and output.graph:
            raise ParentCommand(output)
        update = _update(output.update if isinstance(output, Command) else output)
        values, written = fields(state), {}
        for key in update.keys() & self.channels.keys():
            tried = self.channels[key].copy()
            if key in values:
                tried.update([Overwrite(values[key])])
            tried.update([update[key]])
            written[key] = tried.get()
        given = update.get(MODEL_INPUT)
        return Opened(
            state=with_values(state, written),
            update=update,
            model_input=as_messages(given) if given else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Open a turn of the supervisor.

    Attributes:
        guard: What keeps who asked and what has run, if anything does.
        hook: What runs before the model, if anything does.
    """

    guard: Guard | None
    hook: PreModelHook | None

    def run(self, state: Any, config: RunnableConfig) -> Opened:  # noqa: ANN401 - a graph's state
        """Return the state that the model speaks on.

        Who asked is written down before the hook, which may wait for somebody else, and once more
        on what the hook leaves.
        """
        opened = Opened(state=state)
        note_request(self.guard, value_of(opened.state, "messages"), config)
        if self.hook:
            opened = self.hook.run(state, config)
            note_request(self.guard, value_of(opened.state, "messages"), config)
        return opened.with_answers(
            interrupted(self.guard, value_of(opened.state, "messages"), config)
        )

    async def arun(self, state: Any, config: RunnableConfig) -> Opened:  # noqa: ANN401 - as above
        """Do what `run` does, on an event loop."""
        opened = Opened(state=state)
        await anote_request(self.guard, value_of(opened.state, "messages"), config)
        if self.hook:
            opened = await self.hook.arun(state, config)
            await anote_request(self.guard, value_of(opened.state, "messages"), config)
        answers = await ainterrupted(self.guard, value_of(opened.state, "messages"), config)
        return opened.with_answers(answers)


def _update(written: Any) -> dict[str, Any]:  # noqa: ANN401 - of any schema
    if written is None:
        return {}
    update = dict(fields(written))
    if isinstance(written, BaseModel):
        update = {key: update[key] for key in written.model_fields_set}
    if "messages" in update:
        update["messages"] = _listed(update["messages"])
    return update


def _listed(written: Any) -> list[BaseMessage]:  # noqa: ANN401 - messages, or one, in any form
    """Return messages with their ids, which the state gets them by as well."""
    if isinstance(written, Overwrite):
        return [RemoveMessage(REMOVE_ALL_MESSAGES), *_listed(written.value)]
    messages = as_messages(written)
    for message in messages:
        message.id = message.id or str(uuid4())
    return messages
