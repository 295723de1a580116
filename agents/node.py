"""Owns the cheapest node that runs both ways: a function and its asynchronous twin."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from bailiwick.agents.durability import as_chosen

NodeFunction = Callable[[Any, RunnableConfig], Any]
AsyncNodeFunction = Callable[[Any, RunnableConfig], Awaitable[Any]]


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
