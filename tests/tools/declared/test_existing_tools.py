"""Tools that somebody else has made, scoped: LangChain's, the community's, MCP's."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import (
    BaseTool,
    InjectedToolArg,
    InjectedToolCallId,
    StructuredTool,
    Tool,
    tool,
)
from pydantic import BaseModel, ValidationError
from tests.tools.declared.functions import wave
from typing_extensions import override

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import scoped_tool


def mcp_tool() -> BaseTool:
    """Return a tool as MCP adapters make them: JSON Schema, async, content and artifact."""

    async def call_tool(
        runtime: Annotated[object | None, InjectedToolArg()] = None, **arguments: object
    ) -> tuple[list[dict[str, str]], dict[str, object]]:
        assert runtime is None
        return [{"type": "text", "text": f"found {arguments}"}], {"structured_content": arguments}

    return StructuredTool(
        name="find",
        description="Find things.",
        args_schema={
            "type": "object",
            "properties": {"what": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["what"],
        },
        coroutine=call_tool,
        response_format="content_and_artifact",
        metadata={"server": "things"},
    )


def test_an_existing_tool_can_be_scoped() -> None:
    """It keeps its name, description and arguments, and the unknown ones are refused."""
    scoped = scoped_tool(wave, effect="write")
    args = scoped.validate_args({"times": "3"})
    found = scoped.call(args, None)

    assert (scoped.name, scoped.description) == ("wave", "Wave.")
    assert args == {"times": 3, "hands": 2}
    assert isinstance(found, ToolMessage)
    assert found.content == "3 times with 2 hands"
    assert scoped.blocks
    with pytest.raises(ValidationError, match="feet"):
        scoped.validate_args({"times": 1, "feet": 2})


def test_a_tool_with_a_class_of_its_own_can_be_scoped() -> None:
    """Community tools are subclasses with a `_run`."""

    class Search(BaseTool):
        """Search."""

        name: str = "search"
        description: str = "Search."

        @override
        def _run(self, query: str) -> str:
            return f"found {query}"

    scoped = scoped_tool(Search(), effect="read", name="search_web")

    assert (scoped.name, scoped.blocks) == ("search_web", True)
    assert scoped.call(scoped.validate_args({"query": "x"}), None).content == "found x"


async def test_a_tool_with_a_json_schema_can_be_scoped() -> None:
    """As MCP tools are: asynchronous, with an artifact, and an injected argument of their own."""
    scoped = scoped_tool(mcp_tool(), effect="read")
    found = await scoped.acall(scoped.validate_args({"what": "pens", "limit": 3}), None)

    assert (scoped.is_async_only, scoped.blocks) == (True, False)
    assert set(scoped.args) == {"what", "limit"}
    assert found.content == [{"type": "text", "text": "found {'what': 'pens', 'limit': 3}"}]
    assert found.artifact == {"structured_content": {"what": "pens", "limit": 3}}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"what": "x", "runtime": "mine"}, "no argument 'runtime'"),
        ({"what": "x", "more": 1}, "no argument 'more'"),
        ({"limit": 1}, "'what' is missing"),
    ],
    ids=["injected", "unknown", "missing"],
)
def test_a_json_schema_is_held_to_its_names(args: dict[str, Any], message: str) -> None:
    """What a server did not announce is not sent to it."""
    with pytest.raises(ValueError, match=message):
        scoped_tool(mcp_tool(), effect="read").validate_args(args)


def test_a_tool_that_wants_the_id_of_its_call_gets_the_models() -> None:
    """As a tool node gives it: some tools tell equal calls apart by it."""

    @tool
    def told(times: int, call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Tell."""
        return f"{times} {call_id}"

    scoped = scoped_tool(told, effect="read")

    assert set(scoped.args) == {"times"}
    assert scoped.call({"times": 1}, None, id_="call-1").content == "1 call-1"


def test_a_tool_whose_input_has_no_name_is_refused() -> None:
    """Calls are recorded and approved by name, and LangChain says none that it would take."""
    single = Tool(name="search", description="Search.", func=str.upper)

    with pytest.raises(ScopeError, match=r"'search' takes one input without a name: write a funct"):
        scoped_tool(single, effect="read")


class Count(BaseModel):
    """Take how far to count."""

    to: int


def numbers(to: int) -> Iterator[int]:
    """Count."""
    yield from range(to)


async def anumbers(to: int) -> AsyncIterator[int]:
    """Count on an event loop."""
    for each in range(to):
        yield each


class Numbers(BaseTool):
    """A tool that does nothing until its result is read."""

    name: str = "numbers"
    description: str = "Count."

    @override
    def _run(self, to: int) -> Iterator[int]:
        yield from range(to)


@pytest.mark.parametrize(
    "odd",
    [
        StructuredTool.from_function(numbers),
        StructuredTool(name="n", description="N.", args_schema=Count, coroutine=anumbers),  # type: ignore[arg-type]  # what nobody checks
        Numbers(),
    ],
    ids=["function", "coroutine", "class"],
)
def test_a_tool_around_a_generator_is_refused(odd: BaseTool) -> None:
    """It would be on record as done, and nothing would have been."""
    with pytest.raises(ScopeError, match="a generator cannot be scoped: write a function around"):
        scoped_tool(odd, effect="write")


def test_an_existing_tool_has_no_place_for_a_credential() -> None:
    """It would have to be handed over in its arguments, which are recorded."""
    with pytest.raises(ScopeError, match="'wave' has no place for a credential"):
        scoped_tool(wave, effect="write", credential="bank/pay")


def test_an_integer_that_json_does_not_keep_is_refused_where_nothing_reads_it() -> None:
    """It is shown and kept as a text, which the server behind the tool would be sent next time."""
    scoped = scoped_tool(mcp_tool(), effect="read")
    most = 2**53 - 1

    assert scoped.validate_args({"what": "x", "limit": most}) == {"what": "x", "limit": most}
    with pytest.raises(ValueError, match=r"'limit' holds an integer beyond 2\*\*53"):
        scoped.validate_args({"what": "x", "limit": most + 1})
