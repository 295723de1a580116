"""What an agent inherits from whoever called it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from langchain_core.messages import HumanMessage

from bailiwick.tools.delegation import Delegation, current, delegate


def test_nobody_delegates_at_first() -> None:
    """Code that no supervisor runs has no delegation."""
    assert current() is None


def test_a_delegation_lasts_as_long_as_its_context() -> None:
    """Afterwards the one before it holds again, whatever happened."""
    history = [HumanMessage("help")]

    with delegate(supervisor="desk", agent="clerk", history=history) as given:
        assert current() is given
        assert given == Delegation(chain=("desk",), agent="clerk", history=history)
        assert given.history is history
        with pytest.raises(ArithmeticError), delegate(supervisor="s", agent="a"):
            raise ArithmeticError
        assert current() is given

    assert current() is None


def test_the_chain_grows_outermost_first() -> None:
    """A supervisor below adds itself to what it was given."""
    with delegate(supervisor="desk", agent="inner"), delegate(supervisor="s", agent="a") as given:
        assert given.chain == ("desk", "s")


async def test_tasks_inherit_and_do_not_share() -> None:
    """A task sees the delegation it was started under, and its own stays with it."""

    async def inner(agent: str) -> tuple[str, ...]:
        with delegate(supervisor="s", agent=agent) as given:
            await asyncio.sleep(0)
            assert current() is given
            return given.chain

    with delegate(supervisor="desk", agent="inner"):
        chains = set(await asyncio.gather(inner("a"), inner("b")))
        assert current() == Delegation(chain=("desk",), agent="inner")

    assert chains == {("desk", "s")}


def test_a_thread_sees_it_through_the_context() -> None:
    """LangGraph runs nodes in copied contexts, which is how it gets there."""
    with delegate(supervisor="desk", agent="clerk") as given, ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, current).result() is given


def test_whatever_is_handed_on_is_for_the_same_request() -> None:
    """Also where an agent below is told something else to do."""
    with delegate(supervisor="a", agent="b", request="first"):
        with delegate(supervisor="b", agent="c", request="second") as inner:
            assert inner.request == "first"
        with delegate(supervisor="b", agent="c") as inner:
            assert inner.request == "first"
    with (
        delegate(supervisor="a", agent="b"),
        delegate(supervisor="b", agent="c", request="second") as inner,
    ):
        assert inner.request == "second"
