"""Owns the cheapest node that runs both ways: a function and its asynchronous twin."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.types import Command

from bailiwick.agents.durability import as_chosen

NodeFunction = Callable[[Any, RunnableConfig], Any]
AsyncNodeFunction = Callable[[Any, RunnableConfig], Awaitable[Any]]


class ReadableCommand(Command[Any], Mapping[str, Any]):
    """Route a run, and be read like the update alone.

    Whoever listens to a run's events hears of what a node returns, and looks for its messages.
    """

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a value of any channel
        return cast("Mapping[str, Any]", self.update or {})[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.update or ())

    def __len__(self) -> int:
        return len(self.update or ())


class Node(RunnableLambda[Any, Any]):
    """Run a function of state and config as a node of a graph.

    LangGraph traces each node already, and it accepts a synchronous and an asynchronous form of one
    node only as a runnable. `RunnableLambda` traces a second time and copies the config, which
    costs as much as the node itself; this calls the function and nothing else.

    Attributes:
        subgraphs: The graphs that the function runs, so that LangGraph finds them for drawing,
            for `get_state(subgraphs=True)` and for nested streaming.
    """

    def __init__(
        self,
        function: NodeFunction,
        twin: AsyncNodeFunction,
        *,
        name: str,
        subgraphs: Sequence[Runnable[Any, Any]] = (),
    ) -> None:
        super().__init__(function, twin, name=name)
        self.subgraphs = list(subgraphs)

    @property
    def deps(self) -> list[Runnable[Any, Any]]:  # pyright: ignore[reportIncompatibleVariableOverride] - the base caches what it finds by reading source code
        """The graphs that the function runs."""
        return self.subgraphs

    def invoke(
        self,
        input: Any,  # noqa: A002, ANN401 - the interface's own
        config: RunnableConfig | None = None,
        **_: object,
    ) -> Any:  # noqa: ANN401 - as above
        """Run the function."""
        return cast("NodeFunction", self.func)(input, as_chosen(config or {}))

    async def ainvoke(
        self,
        input: Any,  # noqa: A002, ANN401 - the interface's own
        config: RunnableConfig | None = None,
        **_: object,
    ) -> Any:  # noqa: ANN401 - as above
        """Run the asynchronous twin."""
        return await cast("AsyncNodeFunction", self.afunc)(input, config or {})

    def stream(
        self,
        input: Any,  # noqa: A002, ANN401 - the interface's own
        config: RunnableConfig | None = None,
        **_: object,
    ) -> Iterator[Any]:
        """Run the function; LangGraph calls this in the place of `invoke` where events are heard.

        `RunnableLambda` would trace a run of its own here.
        """
        yield _readable(self.invoke(input, config))

    async def astream(
        self,
        input: Any,  # noqa: A002, ANN401 - the interface's own
        config: RunnableConfig | None = None,
        **_: object,
    ) -> AsyncIterator[Any]:
        """Run the asynchronous twin; see `stream`."""
        yield _readable(await self.ainvoke(input, config))


def _readable(output: Any) -> Any:  # noqa: ANN401 - whatever a node returns
    if not isinstance(output, Command) or not isinstance(output.update, dict | None):
        return output
    return ReadableCommand(**{each.name: getattr(output, each.name) for each in fields(output)})
