"""Owns what the supervisor's tests play with: a model that replies by script, small agents."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import Field

Run = Callable[..., dict[str, Any]]
"""Run a graph on an input and a config."""

Agent = CompiledStateGraph[Any, Any, Any, Any]
_numbers = count()


class ScriptedModel(BaseChatModel):
    """Reply what the script says, and remember what was read and which tools were bound."""

    replies: list[AIMessage]
    seen: list[list[BaseMessage]] = Field(default_factory=list)
    bound: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - as the base class has it
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Remember the tools' names."""
        self.bound[:] = [tool.name for tool in tools]
        chosen = {"tool_choice": tool_choice} if tool_choice else {}
        return self.bind(tools=[{"name": tool.name} for tool in tools], **chosen, **kwargs)

    def _generate(self, messages: list[BaseMessage], *_: object, **__: object) -> ChatResult:
        self.seen.append(messages)
        reply = self.replies[len(self.seen) - 1]
        return ChatResult(generations=[ChatGeneration(message=reply)])

    async def _agenerate(self, messages: list[BaseMessage], *_: object, **__: object) -> ChatResult:
        return self._generate(messages)


class ShapingModel(ScriptedModel):
    """Reply in shape where asked to: the shape's one field holds the reply."""

    def with_structured_output(  # noqa: D102 - as documented by BaseChatModel
        self,
        schema: Any,  # noqa: ANN401 - as the base class has it
        **_: object,
    ) -> Runnable[LanguageModelInput, Any]:
        def shape(message: BaseMessage) -> object:
            return schema(text=message.text)

        return self | RunnableLambda(shape)


def scripted(*replies: str | AIMessage) -> ScriptedModel:
    """Return a model that gives these replies, one a call."""
    said = [AIMessage(each) if isinstance(each, str) else each for each in replies]
    return ScriptedModel(replies=said)


def ask(*wanted: str | tuple[str, dict[str, Any]], text: str = "") -> AIMessage:
    """Return a message that calls tools, each given by its name or with arguments."""
    pairs = [(each, {}) if isinstance(each, str) else each for each in wanted]
    calls = [ToolCall(name=n, args=a, id=f"call_{next(_numbers)}") for n, a in pairs]
    return AIMessage(text, tool_calls=calls)


def answer(asked: AIMessage, text: str) -> ToolMessage:
    """Return the answer to a message's first call."""
    return ToolMessage(text, tool_call_id=str(asked.tool_calls[0]["id"]))


@dataclass
class Office:
    """Make agents, and remember what each has read."""

    views: dict[str, list[list[BaseMessage]]] = field(default_factory=lambda: defaultdict(list))

    def agent(
        self,
        name: str,
        *answers: BaseMessage,
        schema: type[Any] = MessagesState,
        **values: object,
    ) -> Agent:
        """Return an agent that gives these answers, or says that it is done."""

        def work(state: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the schema
            self.views[name].append(list(state["messages"]))
            said = answers or [AIMessage(f"{name} is done")]
            return {"messages": [_signed(each, name) for each in said], **values}

        return StateGraph(schema).add_node("work", work).add_edge(START, "work").compile(name=name)


def _signed(message: BaseMessage, name: str) -> BaseMessage:
    return message.model_copy(update={"name": name} if isinstance(message, AIMessage) else {})


def calls_of(message: BaseMessage) -> list[str]:
    """Return the names of the tools that a message calls."""
    return [call["name"] for call in message.tool_calls] if isinstance(message, AIMessage) else []


def told(messages: Sequence[BaseMessage]) -> list[tuple[str, str | None, str]]:
    """Return messages in short: type, name and text."""
    return [(message.type, message.name, message.text) for message in messages]


def check_valid(messages: Sequence[BaseMessage]) -> None:
    """Assert the rule of model providers: each call is answered before anybody else speaks."""
    waiting: set[str] = set()
    for message in messages:
        if isinstance(message, ToolMessage):
            assert message.tool_call_id in waiting, f"{message!r} answers nothing"
            waiting.discard(message.tool_call_id)
            continue
        assert not waiting, f"{waiting} not answered before {message!r}"
        if isinstance(message, AIMessage):
            waiting = {str(call["id"]) for call in message.tool_calls}
    assert not waiting
