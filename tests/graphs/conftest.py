"""Owns the fakes that the supervisor's tests share: a model that replies by script, small agents."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import Field

Views = dict[str, list[list[BaseMessage]]]
Ask = Callable[..., AIMessage]
Run = Callable[..., Any]


class ScriptedModel(BaseChatModel):
    """Reply what the script says, and remember what was read and which tools were bound."""

    replies: list[AIMessage]
    seen: list[list[BaseMessage]] = Field(default_factory=list)
    bound: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Remember the tools' names."""
        self.bound[:] = [tool.name for tool in tools]
        return self.bind(tools=[{"name": tool.name} for tool in tools], **kwargs)

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.seen.append(messages)
        reply = self.replies[len(self.seen) - 1]
        return ChatResult(generations=[ChatGeneration(message=reply)])

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return self._generate(messages)


@pytest.fixture
def script() -> Callable[..., ScriptedModel]:
    """Give what makes a model out of its replies, texts or messages."""

    def make(*replies: str | AIMessage) -> ScriptedModel:
        said = [AIMessage(each) if isinstance(each, str) else each for each in replies]
        return ScriptedModel(replies=said)

    return make


@pytest.fixture
def ask() -> Ask:
    """Give what makes a message that calls tools: names, or pairs of name and arguments."""
    numbers = count()

    def make(*wanted: str | tuple[str, dict[str, Any]], text: str = "") -> AIMessage:
        pairs = [(each, {}) if isinstance(each, str) else each for each in wanted]
        calls = [ToolCall(name=n, args=a, id=f"call_{next(numbers)}") for n, a in pairs]
        return AIMessage(text, tool_calls=calls)

    return make


@pytest.fixture
def views() -> Views:
    """Give what the agents of this test have read, by their names."""
    return defaultdict(list)


@pytest.fixture
def agent(views: Views) -> Callable[..., CompiledStateGraph[Any, Any, Any, Any]]:
    """Give what makes an agent that answers with one message, or with those it is given."""

    def make(
        name: str, *answers: BaseMessage, schema: type[Any] = MessagesState, **values: Any
    ) -> CompiledStateGraph[Any, Any, Any, Any]:
        def answer(state: Any) -> dict[str, Any]:
            views[name].append(list(state["messages"]))
            said = [each.model_copy() for each in answers] or [AIMessage(f"{name} is done")]
            return {"messages": [_signed(each, name) for each in said], **values}

        graph = StateGraph(schema)
        graph.add_node("answer", answer)
        graph.add_edge(START, "answer")
        return graph.compile(name=name)

    return make


def _signed(message: BaseMessage, name: str) -> BaseMessage:
    if isinstance(message, AIMessage):
        message.name = name
    return message


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    """Give what runs a graph, synchronously and asynchronously in turn."""

    def invoke(app: Any, given: Any, config: Any = None, **kwargs: Any) -> Any:
        if isinstance(given, str):
            given = {"messages": [HumanMessage(given)]}
        if request.param == "sync":
            return app.invoke(given, config, **kwargs)
        return asyncio.run(app.ainvoke(given, config, **kwargs))

    return invoke


@pytest.fixture
def told() -> Callable[[Sequence[BaseMessage]], list[tuple[str, str | None, str]]]:
    """Give what tells messages in short: type, name and text."""
    return lambda messages: [(m.type, m.name, m.text) for m in messages]


@pytest.fixture
def check_valid() -> Callable[[Sequence[BaseMessage]], None]:
    """Give the rule of model providers: each call is answered before anybody else speaks."""

    def check(messages: Sequence[BaseMessage]) -> None:
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

    return check
