"""Which kinds of agents a supervisor works with, and what it passes on to them."""

import asyncio
import warnings
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel.remote import RemoteGraph
from tests.graphs.fakes import Office, Run, ask, check_valid, scripted, told

from bailiwick.agents import create_specialist
from bailiwick.graphs import create_supervisor
from bailiwick.graphs.supervision.workers import OutputMode, remote_thread
from bailiwick.tools.delegation import Delegation, current


def test_a_functional_workflow_is_an_agent(run: Run) -> None:
    """It has no graph of nodes, and takes and returns a dictionary."""

    @entrypoint()
    def clerk(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [*state["messages"], AIMessage("counted", name="clerk")]}

    clerk.name = "clerk"
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor([clerk], model=model, output_mode="full_history")

    messages = run(graph.compile(), "help")["messages"]

    assert [message.text for message in messages][3] == "counted"
    check_valid(messages)


def test_a_langchain_agent_is_an_agent(run: Run) -> None:
    """It calls its tools by itself."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    @tool
    def count() -> str:
        """Count."""
        return "three"

    clerk = create_agent(scripted(ask("count"), "three chairs"), [count], name="clerk")
    model = scripted(ask(("transfer_to_clerk", {"task": "count"})), "x")
    graph = create_supervisor([clerk], model=model, output_mode="full_history")

    messages = run(graph.compile(), "help")["messages"]

    assert [m.text for m in messages][3:6] == ["", "three", "three chairs"]
    check_valid(messages)


@pytest.mark.parametrize("output_mode", ["full_history", "last_message"])
@pytest.mark.parametrize("said", [AIMessage("counted"), "counted", ("ai", "counted")], ids=str)
def test_an_agent_may_say_one_thing(run: Run, said: object, output_mode: OutputMode) -> None:
    """A message that is in no list, in any form that LangGraph takes."""

    @entrypoint()
    def clerk(state: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - a workflow takes the state
        return {"messages": said}

    clerk.name = "clerk"
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor([clerk], model=model, output_mode=output_mode)

    messages = run(graph.compile(), "help")["messages"]

    assert [message.text for message in messages][3] == "counted"


def test_an_agent_that_returns_no_messages_is_named(run: Run) -> None:
    """The error says which agent it was."""

    @entrypoint()
    def clerk(_state: dict[str, Any]) -> str:
        return "counted"

    clerk.name = "clerk"
    app = create_supervisor([clerk], model=scripted(ask("transfer_to_clerk"))).compile()

    with pytest.raises(ValueError, match="Agent 'clerk' returned no `messages`"):
        run(app, "help")


def test_a_supervisor_is_an_agent(office: Office, run: Run) -> None:
    """Its own supervisor reads its last message."""
    inner = create_supervisor(
        [office.agent("a")], model=scripted(ask("transfer_to_a"), "inner done"), supervisor_name="s"
    ).compile(name="inner")
    app = create_supervisor([inner], model=scripted(ask("transfer_to_inner"), "x")).compile()

    messages = run(app, "help")["messages"]

    assert told(messages)[3] == ("ai", "s", "inner done")
    check_valid(messages)


def test_every_agent_knows_on_whose_behalf_it_runs(run: Run) -> None:
    """The chain grows from supervisor to supervisor, in any kind of agent."""
    found: list[Delegation | None] = []

    def watch(state: MessagesState) -> dict[str, Any]:  # noqa: ARG001 - a node takes the state
        found.append(current())
        return {"messages": [AIMessage("ok")]}

    agent = StateGraph(MessagesState).add_node("watch", watch).add_edge(START, "watch")
    inner = create_supervisor(
        [agent.compile(name="a")], model=scripted(ask("transfer_to_a"), "y"), supervisor_name="s"
    ).compile(name="inner")
    app = create_supervisor([inner], model=scripted(ask("transfer_to_inner"), "x")).compile()

    run(app, "help")

    assert [(each.chain, each.agent) for each in found if each] == [(("supervisor", "s"), "a")]
    assert current() is None


def test_agents_side_by_side_have_a_delegation_each(run: Run) -> None:
    """Neither reads the other's."""
    found: list[Delegation | None] = []

    def watching(name: str) -> CompiledStateGraph[Any, Any, Any, Any]:
        def watch(state: MessagesState) -> dict[str, Any]:  # noqa: ARG001 - a node takes the state
            found.append(current())
            return {"messages": [AIMessage("ok")]}

        return StateGraph(MessagesState).add_node(watch).add_edge(START, "watch").compile(name=name)

    model = scripted(ask("transfer_to_a", "transfer_to_b"), "x")

    run(create_supervisor([watching("a"), watching("b")], model=model).compile(), "help")

    assert {each.agent for each in found if each} == {"a", "b"}


def test_a_specialist_reads_the_history_without_storing_it(run: Run) -> None:
    """Its own checkpoints hold its own messages; its model reads all of them."""
    clerk = scripted("counted")
    agent = create_specialist("clerk", model=clerk)
    saver = InMemorySaver()
    model = scripted(ask(("transfer_to_clerk", {"task": "count"})), "x")
    app = create_supervisor([agent], model=model).compile(checkpointer=saver)

    text = "a very long request " * 100
    messages = run(app, text, {"configurable": {"thread_id": "t"}})["messages"]

    assert [m.type for m in clerk.seen[0]] == ["human", "ai", "tool", "human"]
    assert messages[3].text == "counted"
    inner = [blob for (_, namespace, *_), (_, blob) in saver.blobs.items() if namespace]
    assert inner
    assert not any(b"very long" in blob for blob in inner)
    check_valid(messages)


def test_a_specialist_reads_each_time_what_is_new(run: Run) -> None:
    """The next turn's view has the last turn's answers."""
    clerk = scripted("one", "two")
    app = create_supervisor(
        [create_specialist("clerk", model=clerk)],
        model=scripted(ask("transfer_to_clerk"), "x", ask("transfer_to_clerk"), "y"),
    ).compile(checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "t"}}

    run(app, "first", config)
    messages = run(app, "second", config)["messages"]

    assert [m.text for m in clerk.seen[1] if m.type in {"human", "ai"} and m.text][:2] == [
        "first",
        "one",
    ]
    assert [message.text for message in messages if message.name == "clerk"][2] == "two"
    check_valid(messages)


def test_metadata_reaches_the_agent(run: Run) -> None:
    """What a caller says of a run, the agent's nodes can read."""
    read: list[Any] = []

    def watch(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:  # noqa: ARG001 - a node takes the state
        read.append(config.get("metadata", {}).get("ticket"))
        return {"messages": [AIMessage("ok")]}

    agent = StateGraph(MessagesState).add_node(watch).add_edge(START, "watch").compile(name="a")
    app = create_supervisor([agent], model=scripted(ask("transfer_to_a"), "x")).compile()

    run(app, "help", {"metadata": {"ticket": 7}})

    assert read == [7]


class Remote(RemoteGraph):
    """Answer in place of a server, as dictionaries, and remember the config."""

    configs: Sequence[RunnableConfig] = ()

    def invoke(self, input: Any, config: Any = None, **_: Any) -> Any:  # noqa: A002, ANN401, D102 - as documented by RemoteGraph
        self.configs = [*self.configs, config]
        return {"messages": [*input["messages"], {"type": "ai", "content": "far", "name": "far"}]}

    async def ainvoke(self, input: Any, config: Any = None, **_: Any) -> Any:  # noqa: A002, ANN401, D102 - as documented by RemoteGraph
        return await asyncio.to_thread(self.invoke, input, config)


@pytest.mark.parametrize("thread", [str(uuid4()), "ticket 7"], ids=["uuid", "text"])
def test_a_remote_agent_gets_a_thread_of_its_own(run: Run, thread: str) -> None:
    """Any thread id of ours makes a valid one there, always the same."""
    remote = Remote("far", url="http://127.0.0.1:9")
    model = scripted(ask("transfer_to_far"), "x")
    app = create_supervisor([remote], model=model).compile(checkpointer=InMemorySaver())

    messages = run(app, "help", {"configurable": {"thread_id": thread}})["messages"]

    derived = remote.configs[0].get("configurable", {})["thread_id"]
    assert UUID(derived) == remote_thread(thread, "far")
    assert messages[3].text == "far"


def test_a_uuid_is_taken_as_it_is() -> None:
    """The derived id is the one that the other package derives."""
    thread = uuid4()

    assert remote_thread(str(thread), "far") == uuid5(thread, "far")


def test_agents_show_in_the_drawing(office: Office) -> None:
    """LangGraph finds the agents' graphs behind their nodes."""
    app = create_supervisor([office.agent("a")], model=scripted()).compile()

    assert [name for name, _ in app.get_subgraphs()] == ["a"]
    assert "a:work" in app.get_graph(xray=True).nodes
    edges = {(edge.source, edge.target) for edge in app.get_graph().edges}
    assert {("supervisor", "a"), ("a", "supervisor"), ("supervisor", "__end__")} <= edges


def test_an_agent_may_be_answered_for(office: Office) -> None:
    """A state update in an agent's name goes on with the supervisor."""
    app = create_supervisor([office.agent("a")], model=scripted("x")).compile(
        checkpointer=InMemorySaver()
    )
    config: RunnableConfig = {"configurable": {"thread_id": "t"}}

    app.update_state(config, {"messages": [HumanMessage("hi")]}, as_node="a")

    assert app.get_state(config).next == ("supervisor",)


def test_nothing_imported_is_deprecated() -> None:
    """Warnings are errors here; the graph imports nothing that warns."""
    import subprocess
    import sys

    code = "import bailiwick.graphs; bailiwick.graphs.create_supervisor"
    with warnings.catch_warnings():
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
