"""Tools bound for an agent: which can be, what they show, whose calls they make."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.messages import ToolCall as RequestedCall
from langchain_core.tools import BaseTool, tool
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.utils.function_calling import convert_to_openai_tool
from tests.driven import Drive, Graph
from tests.tools.bound.foreign import Paid, last_text
from tests.tools.governed import CLERK, load_policy, pay_tool, request

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.bound import BoundTool
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.delegation import delegate
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.records.ledger import Ledger


@scoped_tool(effect="read")
def look() -> str:
    """Look around."""
    return "all is well"


def test_binding_nothing_gives_nothing(guard: Guard) -> None:
    """An agent without tools needs no special case."""
    assert guard.bind([], agent="billing") == []


def test_only_scoped_tools_can_be_bound(guard: Guard) -> None:
    """Of any other nobody has said what it does."""

    @tool
    def plain() -> str:
        """Be plain."""
        return "x"

    with pytest.raises(ScopeError, match="'plain' is not scoped"):
        guard.bind([plain], agent="billing")


def test_a_tool_alone_is_no_list(guard: Guard) -> None:
    """Its fields would be taken for tools."""
    alone: Any = look

    with pytest.raises(TypeError, match=r"'look' comes alone: give a list, guard\.bind\(\[tool"):
        guard.bind(alone)


def test_a_bound_tool_looks_like_the_tool(guard: Guard, bound: list[BaseTool]) -> None:
    """A model is shown the same name, description and arguments."""
    (pay,) = bound
    original = pay_tool([])

    assert isinstance(pay, BoundTool)
    assert (pay.name, pay.description, pay.args) == (
        original.name,
        original.description,
        original.args,
    )
    assert convert_to_openai_tool(pay) == convert_to_openai_tool(original)
    assert guard.governs(pay)
    assert not guard.governs(original)


def test_what_a_wrapped_tool_says_of_itself_stays(guard: Guard) -> None:
    """Models are told of its extras, and traces are searched for its tags and metadata."""

    @tool("look", extras={"defer_loading": True})
    def marked() -> str:
        """Look around."""
        return "all is well"

    marked.tags, marked.metadata = ["garden"], {"server": "things"}
    scoped, collector = scoped_tool(marked, effect="read"), RunCollectorCallbackHandler()
    (bound,) = guard.bind([scoped], agent="billing")
    bound.invoke(request("look", {}), {"callbacks": [collector]})
    asyncio.run(bound.ainvoke(request("look", {}), {"callbacks": [collector]}))

    assert scoped.extras == bound.extras == marked.extras
    assert [run.tags for run in collector.traced_runs] == [marked.tags] * 2
    assert [run.metadata for run in collector.traced_runs] == [marked.metadata] * 2
    assert (bound.tags, bound.metadata) == (marked.tags, marked.metadata)


def test_a_guard_governs_what_it_bound_itself(bound: list[BaseTool]) -> None:
    """Another guard's tool is decided by another policy."""
    ledger = Ledger("sqlite://")
    other = Guard(policy=load_policy(), ledger=ledger)

    assert not other.governs(bound[0])
    ledger.close()


def test_a_bound_tool_needs_an_agent(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, paid: Paid
) -> None:
    """Nobody's call is denied, and the remedy is named."""
    result = drive.start(graph_of(guard.bind([pay_tool(paid)]), "40"))

    assert last_text(result) == (
        "pay did not run. No agent holds it: name one with guard.bind(tools, agent=...)."
    )
    assert paid == []


def test_the_current_hand_off_names_the_agent(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, paid: Paid
) -> None:
    """A tool that was bound without one acts for the agent that holds the conversation."""
    graph = graph_of(guard.bind([pay_tool(paid)]), "40")
    with delegate(supervisor="supervisor", agent="billing"):
        drive.start(graph)
    decision = next(guard.ledger.records("t", "decision"))

    assert paid == [("shop", Decimal(40))]
    assert (decision.body["agent"], decision.body["chain"]) == ("billing", ["supervisor"])


async def test_a_bound_tool_takes_whole_tool_calls_alone(bound: list[BaseTool]) -> None:
    """Without the id of the call there is nothing to bind an approval to."""
    (pay,) = bound
    args = {"to": "shop", "amount": 1}

    with pytest.raises(ScopeError, match="'pay' is governed and takes a whole tool call"):
        pay.invoke(args)
    with pytest.raises(ScopeError, match="'pay' is governed and takes a whole tool call"):
        await pay.ainvoke(args)
    with pytest.raises(ScopeError, match="'pay' is governed: use invoke or ainvoke"):
        pay.run(args)


async def test_a_bound_tool_can_be_invoked_outside_of_a_graph(guard: Guard) -> None:
    """What needs nobody runs, what needs somebody is refused: there is no thread to wait in."""
    looks, pays_much = guard.bind([look, pay_tool([])], agent="billing")
    much = request("pay", {"to": "shop", "amount": 140})

    with acting_as(CLERK):
        assert looks.invoke(request("look", {})).content == "all is well"
        assert (await looks.ainvoke(request("look", {}))).content == "all is well"
        assert "cannot wait for one" in pays_much.invoke(much).content
        assert "cannot wait for one" in (await pays_much.ainvoke(much)).content


def test_an_asynchronous_tool_says_how_to_run_it(guard: Guard) -> None:
    """In a graph that is driven by `invoke`, it fails in words."""

    async def alook() -> str:
        """Look."""
        return "all is well"

    scoped: ScopedTool = scoped_tool(alook, effect="read", name="look")
    asked: RequestedCall = request("look", {})
    (bound,) = guard.bind([scoped], agent="billing")

    assert "'look' is asynchronous: use ainvoke" in bound.invoke(asked).content
    assert asyncio.run(bound.ainvoke(asked)).content == "all is well"
