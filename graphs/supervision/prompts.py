"""Owns the prompt: what the model reads in front of, or in place of, the history."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.runtime import Runtime, get_runtime

from bailiwick.graphs.supervision.states import State, with_messages

Prompt = (
    SystemMessage
    | str
    | Callable[..., LanguageModelInput]
    | Callable[..., Awaitable[LanguageModelInput]]
    | Runnable[Any, LanguageModelInput]
)
"""A system message, or what makes the model's input from the state."""

Inject = Callable[[Runtime[Any], RunnableConfig], Any]

INJECTED: Mapping[str, Inject] = {
    "config": lambda _, config: config,
    "runtime": lambda runtime, _: runtime,
    "store": lambda runtime, _: runtime.store,
    "writer": lambda runtime, _: runtime.stream_writer,
}
"""What a prompt function may ask for beside the state, by the name of its parameter."""


class PromptInput:
    """Make the model's input from the state."""

    def __init__(self, prompt: Prompt | None) -> None:
        if isinstance(prompt, str):
            prompt = SystemMessage(content=prompt)
        if not (
            prompt is None or isinstance(prompt, (SystemMessage, Runnable)) or callable(prompt)
        ):
            raise ValueError(
                f"Got unexpected type for `prompt`: {type(prompt)}. Give text, a SystemMessage, a"
                " function of the state or a runnable"
            )
        self._prompt = prompt
        self._wanted = _wanted(prompt) if _is_function(prompt) else ()

    def of(
        self,
        state: State,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
    ) -> LanguageModelInput:
        """Return the input, from a state whose history is `messages`.

        Raises:
            TypeError: If the prompt is an asynchronous function.
        """
        prompt = self._prompt
        if prompt is None:
            return messages
        if isinstance(prompt, SystemMessage):
            return [prompt, *messages]
        given = with_messages(state, messages)
        if isinstance(prompt, Runnable):
            return prompt.invoke(given, config)
        if inspect.iscoroutinefunction(prompt):
            raise TypeError("the prompt is an async function: use ainvoke or astream")
        return cast("LanguageModelInput", prompt(given, **self._extras(config)))

    async def aof(
        self,
        state: State,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
    ) -> LanguageModelInput:
        """Return the input without blocking on an asynchronous prompt."""
        prompt = self._prompt
        if isinstance(prompt, Runnable):
            return await prompt.ainvoke(with_messages(state, messages), config)
        if inspect.iscoroutinefunction(prompt):
            given = with_messages(state, messages)
            return cast("LanguageModelInput", await prompt(given, **self._extras(config)))
        return self.of(state, messages, config)

    def _extras(self, config: RunnableConfig) -> dict[str, Any]:
        if not self._wanted:
            return {}
        runtime = get_runtime()
        return {name: INJECTED[name](runtime, config) for name in self._wanted}


def _is_function(prompt: object) -> bool:
    return callable(prompt) and not isinstance(prompt, (SystemMessage, Runnable))


def _wanted(prompt: object) -> tuple[str, ...]:
    parameters = list(inspect.signature(cast("Callable[..., Any]", prompt)).parameters)
    return tuple(name for name in parameters[1:] if name in INJECTED)
