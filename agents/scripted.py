"""Owns the scripted model: a chat model that follows rules, at once and without a network."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from typing_extensions import override

from bailiwick.agents.scripts import Script


class ScriptedModel(BaseChatModel):
    """Answer by a script instead of a language model.

    The same messages get the same answer, tool call ids included, so runs can be told and
    compared; the ids differ as soon as the messages do.

    Attributes:
        script: Reads the messages and the tools at hand, and says the next message.
        tools: The tools it was given, with the names of their parameters; see `bind_tools`.
    """

    script: Script
    tools: Mapping[str, frozenset[str]] = {}

    @property
    @override
    def _llm_type(self) -> str:
        return "scripted"

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        **_: object,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return a model with the same script that may call these tools and no others."""
        functions = [convert_to_openai_tool(tool).get("function", {}) for tool in tools]
        given = {each["name"]: _parameters(each) for each in functions if "name" in each}
        return self.model_copy(update={"tools": given})

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        return self._generate(messages)

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> Iterator[ChatGenerationChunk]:
        for message in _chunks(self._answer(messages)):
            chunk = ChatGenerationChunk(message=message)
            if run_manager:
                run_manager.on_llm_new_token(str(message.content), chunk=chunk)
            yield chunk

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for message in _chunks(self._answer(messages)):
            chunk = ChatGenerationChunk(message=message)
            if run_manager:
                await run_manager.on_llm_new_token(str(message.content), chunk=chunk)
            yield chunk

    def _answer(self, messages: Sequence[BaseMessage]) -> AIMessage:
        answer = self.script(messages, self.tools)
        calls = [_identified(call, i, messages) for i, call in enumerate(answer.tool_calls)]
        return answer.model_copy(update={"tool_calls": calls})


def _parameters(function: dict[str, Any]) -> frozenset[str]:
    return frozenset(function.get("parameters", {}).get("properties", {}))


def _identified(call: ToolCall, index: int, messages: Sequence[BaseMessage]) -> ToolCall:
    last = messages[-1] if messages else None
    seed = [call["name"], call["args"], index, len(messages), last and (last.id or last.text)]
    digest = hashlib.sha256(json.dumps(seed, default=str).encode()).hexdigest()
    return {**call, "id": f"call_{digest[:24]}"}


def _chunks(answer: AIMessage) -> Iterator[AIMessageChunk]:
    for word in str(answer.content).splitlines(keepends=True):
        yield AIMessageChunk(content=word)
    yield AIMessageChunk(
        content="",
        tool_call_chunks=[
            tool_call_chunk(
                name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index
            )
            for index, call in enumerate(answer.tool_calls)
        ],
        chunk_position="last",
    )
