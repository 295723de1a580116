"""A node runs both ways, is traced once by LangGraph, and shows the graphs it runs."""

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from bailiwick.agents.node import Node


class State(TypedDict, total=False):
    """Say which way the node was run, and on which thread."""

    way: str
    thread: str


class Listener(BaseCallbackHandler):
    """Note what is traced.

    Attributes:
        heard: The names of the runs.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_chain_start(self, *_: object, **told: Any) -> None:  # noqa: ANN401 - as LangChain's
        """Note one run."""
        self.heard.append(str(told.get("name")))


def work(_: State, config: RunnableConfig) -> State:
    """Say that it ran by `invoke`."""
    return {"way": "sync", "thread": config.get("configurable", {}).get("thread_id", "")}


async def awork(_: State, config: RunnableConfig) -> State:
    """Say that it ran by `ainvoke`."""
    return {"way": "async", "thread": config.get("configurable", {}).get("thread_id", "")}


def graph_with(node: Node) -> Any:  # noqa: ANN401 - a compiled graph
    """Compile a graph of one node."""
    graph = StateGraph(State)
    graph.add_node("work", node)
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    return graph.compile()


@pytest.fixture
def node() -> Node:
    """Give a node that says how it ran."""
    return Node(work, awork, name="work")


async def test_without_a_config_it_gets_an_empty_one(node: Node) -> None:
    """Nobody need run it in a graph."""
    assert node.invoke({}) == {"way": "sync", "thread": ""}
    assert await node.ainvoke({}) == {"way": "async", "thread": ""}


async def test_a_graph_runs_it_in_its_own_way(node: Node) -> None:
    """With the config of the run."""
    graph = graph_with(node)
    config = {"configurable": {"thread_id": "t"}}

    assert graph.invoke({}, config) == {"way": "sync", "thread": "t"}
    assert await graph.ainvoke({}, config) == {"way": "async", "thread": "t"}


async def test_it_is_traced_once(node: Node) -> None:
    """By LangGraph, whichever way it runs."""
    graph = graph_with(node)
    for way in ("sync", "async"):
        listener = Listener()
        config: RunnableConfig = {"callbacks": [listener]}
        _ = graph.invoke({}, config) if way == "sync" else await graph.ainvoke({}, config)
        assert listener.heard.count("work") == 1


async def test_listening_to_events_hears_of_it_once(node: Node) -> None:
    """Of its start with what it was given, and of its end with what it returned."""
    heard = [
        event
        async for event in graph_with(node).astream_events({"way": "none"}, version="v2")
        if event["name"] == "work"
    ]

    starts, streamed, ends = heard
    assert starts["data"] == {"input": {"way": "none"}}
    assert streamed["data"]["chunk"] == ends["data"]["output"] == {"way": "async", "thread": ""}


@pytest.mark.parametrize("update", [{"way": "routed"}, {}, None])
async def test_a_command_is_read_as_its_update(update: State | None) -> None:
    """Also by whoever listens to events; it routes all the same."""

    async def route(*_: object) -> Command[str]:
        return Command(update=update, goto="work")

    def unused(*_: object) -> None:
        pytest.fail("the graph runs on an event loop")

    graph = StateGraph(State)
    graph.add_node("route", Node(unused, route, name="route"), destinations=("work",))
    graph.add_node("work", Node(work, awork, name="work"))
    graph.add_edge(START, "route")

    ends: dict[str, Any] = {
        event["name"]: event["data"].get("output", {})
        async for event in graph.compile().astream_events({}, version="v2")
        if event["event"] == "on_chain_end"
    }

    assert dict(ends["route"]) == (update or {})
    assert ends["work"]["way"] == "async"


def test_what_streams_a_node_gets_all_at_once(node: Node) -> None:
    """Synchronously, too."""
    assert list(node.stream({})) == [{"way": "sync", "thread": ""}]


def test_it_runs_no_graphs_unless_it_says_so(node: Node) -> None:
    """What its source code mentions does not count."""
    assert node.deps == []
    assert list(graph_with(node).get_subgraphs()) == []


def test_the_graphs_it_runs_are_found(node: Node) -> None:
    """LangGraph draws them, and looks for their state."""
    inner = graph_with(node)
    outer = graph_with(Node(work, awork, name="work", subgraphs=[inner]))

    assert [(name, graph) for name, graph in outer.get_subgraphs()] == [("work", inner)]
