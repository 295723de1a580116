"""Owns the models of the measurements: they answer at once, by what they have read."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

ANSWER = "This is an answer of usual length, as such answers go."


class InstantModel(BaseChatModel):
    """Answer at once; a subclass says what."""

    @property
    def _llm_type(self) -> str:
        return "instant"

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - as the base class has it
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind the tools' names, as a model of a provider binds their schemas."""
        chosen = {"tool_choice": tool_choice} if tool_choice else {}
        return self.bind(tools=[{"name": tool.name} for tool in tools], **chosen, **kwargs)

    def _generate(self, messages: list[BaseMessage], *_: object, **__: object) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.reply(messages))])

    async def _agenerate(self, messages: list[BaseMessage], *_: object, **__: object) -> ChatResult:
        return self._generate(messages)

    def reply(self, messages: list[BaseMessage]) -> AIMessage:  # noqa: ARG002 - a subclass reads them
        """Return the answer."""
        return AIMessage(ANSWER)


class RoutingModel(InstantModel):
    """Hand over to each agent in turn, then answer."""

    agents: tuple[str, ...]

    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        """Return the next hand-off of this turn, or the answer."""
        done = 0
        for message in reversed(messages):
            if message.type == "human":
                break
            done += str(message.name).startswith("transfer_to_") and message.type == "tool"
        if done == len(self.agents):
            return AIMessage(ANSWER)
        return calling(f"transfer_to_{self.agents[done]}")


class ToolModel(InstantModel):
    """Call a tool once, then answer."""

    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        """Return the call, or the answer if its result is there."""
        return AIMessage(ANSWER) if messages[-1].name == "look" else calling("look")


def calling(name: str, **args: Any) -> AIMessage:  # noqa: ANN401 - arguments of a tool
    """Return a message that calls a tool."""
    return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id=str(uuid4()))])
