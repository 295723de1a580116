"""Owns hand-off tools made by others: running them, and reading the commands they return."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send

from bailiwick.graphs.supervision.history import as_messages
from bailiwick.graphs.supervision.states import State, call_in, fields, value_of, with_messages

Output = Command[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold what one hand-off call of a foreign tool comes to.

    Attributes:
        answer: The message that answers the call, if the tool gave one.
        messages: What else it adds to the history.
        values: What it writes to other keys of the state.
        goto: Where it sends the run; empty if it hands over to nobody.
        is_kept: Whether the call and its answer belong into the history.
    """

    answer: ToolMessage | None
    messages: list[BaseMessage] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    goto: list[str | Send] = field(default_factory=list)
    is_kept: bool = True


@dataclass(frozen=True, slots=True)
class ForeignHandoffs:
    """Run hand-off tools that only their code can tell the effect of.

    Attributes:
        node: The node that runs them; its error handling applies.
        agents: The agents they hand over to, by the tools' names.
    """

    node: ToolNode
    agents: Mapping[str, str]

    def read(
        self,
        call: ToolCall,
        said: AIMessage,
        state: State,
        config: RunnableConfig,
    ) -> Reading:
        """Run one call and return what it comes to.

        Args:
            call: The hand-off call.
            said: The supervisor's message that made it.
            state: The state before that message.
            config: The config of the node that runs this.
        """
        output = self.node.invoke(_request(call, said, state), config)
        return _reading(_outputs(output), call, said, fields(state))

    async def aread(
        self,
        call: ToolCall,
        said: AIMessage,
        state: State,
        config: RunnableConfig,
    ) -> Reading:
        """Run one call asynchronously; see `read`."""
        output = await self.node.ainvoke(_request(call, said, state), config)
        return _reading(_outputs(output), call, said, fields(state))


def _request(call: ToolCall, said: AIMessage, state: State) -> dict[str, Any]:
    seen = with_messages(state, [*value_of(state, "messages"), said])
    return call_in(seen, call)


def _outputs(output: object) -> list[Output]:
    return cast("list[Output]", output if isinstance(output, list) else [output])


def _reading(
    outputs: Sequence[Output], call: ToolCall, said: AIMessage, state: Mapping[str, Any]
) -> Reading:
    known = {message.id: message for message in state["messages"]}
    written = [dict(_update(output)) for output in outputs]
    messages = [m for update in written for m in as_messages(update.pop("messages", []))]
    goto = [target for output in outputs for target in _targets(output)]
    others = [each for each in messages if each.id is None or each.id != said.id]
    fresh = [each for each in others if each.id is None or _is_news(each, known.get(each.id))]
    answer = answer_in([*fresh, *sent_by(outputs)], call)
    return Reading(
        answer=answer,
        messages=[message for message in fresh if message is not answer],
        values={k: v for update in written for k, v in update.items() if v is not state.get(k)},
        goto=goto,
        is_kept=answer is not None or any(message.id == said.id for message in messages),
    )


def _is_news(message: BaseMessage, before: BaseMessage | None) -> bool:
    # A tool may change what was said, such as to hide it, or remove it.
    return before is None or (message is not before and message != before)


def _update(output: Output) -> Mapping[str, Any]:
    update = output.update if isinstance(output, Command) else output
    return dict(update or {})


def _targets(output: Output) -> Iterable[str | Send]:
    if not isinstance(output, Command):
        return ()
    return (output.goto,) if isinstance(output.goto, (str, Send)) else output.goto


def written_by(outputs: Iterable[Output]) -> Iterable[BaseMessage]:
    """Yield the messages that tools write."""
    for output in outputs:
        yield from as_messages(_update(output).get("messages", []))


def sent_by(outputs: Iterable[Output]) -> Iterable[BaseMessage]:
    """Yield the messages that tools send to agents, where parallel hand-offs keep their answers."""
    for output in outputs:
        for target in _targets(output):
            if isinstance(target, Send) and isinstance(target.arg, dict):
                yield from as_messages(target.arg.get("messages", []))


def answer_in(messages: Iterable[BaseMessage], call: ToolCall) -> ToolMessage | None:
    """Return the first of the messages that answers the call, if one does."""
    for message in messages:
        if isinstance(message, ToolMessage) and message.tool_call_id == call["id"]:
            return message
    return None


def transferred(call: ToolCall) -> ToolMessage:
    """Return what answers a call that handed over without an answer."""
    name, call_id = call["name"], str(call["id"])
    return ToolMessage("Successfully transferred", name=name, tool_call_id=call_id)
