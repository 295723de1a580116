"""Who drives a run: the host says, or the server, or the operating system."""

import asyncio
import getpass
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from bailiwick.policies.principals import Principal
from bailiwick.tools.people.principals import acting_as, current_principal

CLERK = Principal(id="clerk", roles=frozenset({"desk"}))
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))


class User:
    """Be a user as LangGraph Server authenticates one."""

    def __init__(self, identity: str, permissions: Sequence[str]) -> None:
        self.identity = identity
        self.permissions = permissions


class Found(TypedDict, total=False):
    """Hold whom a node found."""

    principal: Principal


def look(state: Found) -> Found:
    """Run as a node that looks who drives it."""
    return {**state, "principal": current_principal()}


def found_by_a_node(user: object) -> Principal:
    """Return whom a node finds when a server runs its graph for a user."""
    builder = StateGraph(Found)
    builder.add_node("look", look)
    builder.add_edge(START, "look")
    builder.add_edge("look", END)
    config: RunnableConfig = {"configurable": {"langgraph_auth_user": user}}
    found: Principal = builder.compile().invoke({}, config)["principal"]
    return found


def test_without_a_host_it_is_the_user_of_the_system() -> None:
    """Who has no role, and so can approve nothing."""
    assert current_principal() == Principal(id=getpass.getuser())
    assert current_principal().roles == frozenset()


def test_a_host_says_who_acts() -> None:
    """While its context lasts, nested ones included, and whatever ends it."""

    def fail() -> None:
        with acting_as(MANAGER):
            assert current_principal() is MANAGER
            raise RuntimeError

    with acting_as(CLERK) as given:
        with pytest.raises(RuntimeError):
            fail()
        assert current_principal() is given is CLERK
    assert current_principal() == Principal(id=getpass.getuser())


def test_a_name_is_no_principal() -> None:
    """The host hears of it at once, and not a node of the graph."""
    name: Any = "bob"

    with pytest.raises(TypeError, match=r"'bob' is no principal: use acting_as\(Principal\(id="):
        acting_as(name).__enter__()


async def test_tasks_do_not_see_each_other() -> None:
    """Two requests that one process serves at once have a principal each."""

    async def act(principal: Principal) -> Principal:
        with acting_as(principal):
            await asyncio.sleep(0)
            return await asyncio.to_thread(current_principal)

    found = await asyncio.gather(*map(act, (CLERK, MANAGER)))
    assert found == [CLERK, MANAGER]


def test_a_new_thread_inherits_nobody() -> None:
    """What a host said is true of its own thread of execution."""
    with acting_as(MANAGER), ThreadPoolExecutor() as pool:
        assert pool.submit(current_principal).result() == Principal(id=getpass.getuser())


def test_the_server_says_who_acts() -> None:
    """Its authenticated user, whose permissions are the roles."""
    assert found_by_a_node(User("manager", ["manager", "runs:write"])) == Principal(
        id="manager", roles=frozenset({"manager", "runs:write"})
    )


def test_the_host_goes_before_the_server() -> None:
    """Whoever calls in this process has authenticated somebody more closely."""
    with acting_as(CLERK):
        assert found_by_a_node(User("manager", ["manager"])) is CLERK


@pytest.mark.parametrize(
    "user",
    [None, {"identity": "manager", "permissions": ["manager"]}, "manager"],
    ids=["none", "dict", "text"],
)
def test_a_caller_cannot_name_a_user_in_the_config(user: object) -> None:
    """What comes over the wire is plain values; only the server makes a user out of them."""
    assert found_by_a_node(user) == Principal(id=getpass.getuser())


def test_a_runnable_outside_of_a_graph_has_no_server() -> None:
    """LangChain's own runnables have a config and no runtime."""

    def look(given: int) -> Principal:
        assert given == 1
        return current_principal()

    assert RunnableLambda(look).invoke(1) == Principal(id=getpass.getuser())
