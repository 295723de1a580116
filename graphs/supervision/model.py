"""Owns the supervisor's model: one call with the history, and the structured answer at the end."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.language_models import LanguageModelInput, LanguageModelLike
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    convert_to_messages,
)
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel

from bailiwick.agents.bindings import Model, chat_model, unbound
from bailiwick.agents.messages import sign
from bailiwick.graphs.agent_name import AgentNameMode, name_forms
from bailiwick.graphs.supervision.history import check_answered
from bailiwick.graphs.supervision.prompts import PromptInput
from bailiwick.graphs.supervision.states import State, fields, value_of

StructuredResponseSchema = dict[str, Any] | type[BaseModel]
ResponseFormat = StructuredResponseSchema | tuple[str, StructuredResponseSchema]

MORE_STEPS = "Sorry, need more steps to process this request."
STEPS_OF_A_CALL = 3
"""A call takes a step to run, one for the supervisor to answer, and one for LangGraph to see that
nothing is left to do."""


class SupervisorModel:
    """Call the model with the conversation so far.

    Attributes:
        name: The supervisor's name, which its messages carry.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        prompt: PromptInput,
        *,
        include_agent_name: AgentNameMode | None,
        leaving: Collection[str],
    ) -> None:
        self.name = name
        self._leaving = leaving
        self._prompt = prompt
        self._forms = name_forms(include_agent_name) if include_agent_name else None
        self._model, self._kwargs = unbound(model)

    def answer(self, state: State, config: RunnableConfig) -> AIMessage:
        """Return the model's message on the conversation.

        Raises:
            ValueError: If a tool call in the history has no answer.
        """
        given = self._prompt.of(state, _conversation(state), config)
        message = self._model.invoke(self._named(given), config, **self._kwargs)
        return self._signed(message, state)

    async def aanswer(self, state: State, config: RunnableConfig) -> AIMessage:
        """Return the model's message on the conversation, asynchronously.

        Raises:
            ValueError: If a tool call in the history has no answer.
        """
        given = await self._prompt.aof(state, _conversation(state), config)
        message = await self._model.ainvoke(self._named(given), config, **self._kwargs)
        return self._signed(message, state)

    def _named(self, given: LanguageModelInput) -> LanguageModelInput:
        if self._forms is None:
            return given
        messages = [HumanMessage(given)] if isinstance(given, str) else convert_to_messages(given)
        return [self._forms[0](message) for message in messages]

    def _signed(self, message: BaseMessage, state: State) -> AIMessage:
        if self._forms is not None:
            message = self._forms[1](message)
        if not isinstance(message, AIMessage):
            raise TypeError(
                f"the model of {self.name!r} returned {type(message)}, not an AIMessage"
            )
        sign(message, self.name)
        remaining = value_of(state, "remaining_steps")
        is_late = remaining is not None and remaining < STEPS_OF_A_CALL
        if is_late and self._goes_on(message):
            return AIMessage(content=MORE_STEPS, id=message.id, name=self.name)
        return message

    def _goes_on(self, said: AIMessage) -> bool:
        # Hand-offs without end are an error, and what is forwarded needs no further step.
        names = [call["name"] for call in said.tool_calls]
        return bool(names) and not any(name in self._leaving for name in names)


@dataclass(frozen=True, slots=True)
class StructuredAnswer:
    """Put the conversation into the shape that `response_format` asks for.

    Attributes:
        model: The model, with the shape built in.
        system: What the model reads first, if anything.
    """

    model: Runnable[LanguageModelInput, Any]
    system: SystemMessage | None

    def run(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """Return the state update that holds the structured answer."""
        return _answered(self.model.invoke(self._input(state), config))

    async def arun(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """Return the state update that holds the structured answer, asynchronously."""
        return _answered(await self.model.ainvoke(self._input(state), config))

    def _input(self, state: State) -> list[BaseMessage]:
        return [*([self.system] if self.system else []), *value_of(state, "messages")]


def structured_answer(
    model: LanguageModelLike, response_format: ResponseFormat
) -> StructuredAnswer:
    """Return what makes the structured answer with the given model.

    Raises:
        TypeError: If there is no chat model in `model`.
    """
    system: SystemMessage | None = None
    if isinstance(response_format, tuple):
        text, response_format = response_format
        system = SystemMessage(content=text)
    shaped = chat_model(model).with_structured_output(response_format)
    return StructuredAnswer(shaped, system)


def _answered(response: object) -> dict[str, Any]:
    return {"structured_response": response, "messages": []}


def _conversation(state: State) -> Sequence[BaseMessage]:
    messages = value_of(state, "messages")
    if messages is None:
        raise ValueError(
            "the supervisor found no messages: give `messages` as input, or return `messages` or"
            f" `llm_input_messages` from the pre-model hook (state has {sorted(fields(state))})"
        )
    check_answered(messages)
    return cast("Sequence[BaseMessage]", messages)
