"""What a guard demands of a supervisor, and what it decides there."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command, Send
from tests.graphs.fakes import Agent, Run, ask, check_valid, scripted

from bailiwick.agents import create_specialist
from bailiwick.agents.specialist import Specialist
from bailiwick.graphs import create_supervisor
from bailiwick.policies import Policy
from bailiwick.tools import Guard, Ledger, scoped_tool


@scoped_tool(effect="read")
def look() -> str:
    """Look."""
    return "seen"


@tool
def loose() -> str:
    """Do as it likes."""
    return "done"


def holding(name: str, *tools: BaseTool) -> Agent:
    """Return a graph of somebody else's that holds tools."""
    graph = StateGraph(MessagesState).add_node("tools", ToolNode(tools)).add_edge(START, "tools")
    return graph.compile(name=name)


def specialist(name: str, guard: Guard | None, *replies: str | AIMessage) -> Specialist:
    """Return one of our specialists with a tool, if it is governed."""
    model = scripted(*(replies or ("ok",)))
    return create_specialist(name, model=model, tools=[look] if guard else [], guard=guard)


def test_an_allowed_hand_off_runs_and_is_on_record(guard: Guard, run: Run) -> None:
    """The record says who handed what to whom, and by which rule."""
    agent = specialist("a", guard, ask("look"), "looked")
    graph = create_supervisor([agent], model=scripted(ask("transfer_to_a"), "x"), guard=guard)

    messages = run(graph.compile(), "help", {"configurable": {"thread_id": "t"}})["messages"]

    (handed,) = [record.body for record in guard.ledger.records("t", "handoff")]
    assert (handed["agent"], handed["to"], handed["chain"]) == ("supervisor", "a", [])
    assert "looked" in [message.text for message in messages]


def test_a_refused_hand_off_is_answered_and_nobody_runs(guard: Guard, run: Run) -> None:
    """The model reads why; the others of its turn run."""
    a, b = specialist("a", guard, "from a"), specialist("b", guard, "from b")
    model = scripted(ask("transfer_to_a", "transfer_to_b"), "x")

    messages = run(create_supervisor([a, b], model=model, guard=guard).compile(), "help")[
        "messages"
    ]

    (refused,) = [m for m in messages if m.name == "transfer_to_b"]
    assert refused.status == "error"
    texts = [message.text for message in messages]
    assert ("from a" in texts, "from b" in texts) == (True, False)
    check_valid(messages)


def test_a_refused_hand_off_alone_goes_back_to_the_model(guard: Guard, run: Run) -> None:
    """Also where hand-offs are hidden: the model has to read the refusal."""
    model = scripted(ask("transfer_to_b"), "x")
    graph = create_supervisor(
        [specialist("b", guard)], model=model, guard=guard, add_handoff_messages=False
    )

    messages = run(graph.compile(), "help")["messages"]

    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    check_valid(messages)


@pytest.mark.parametrize("ids", [("x", "x"), (None, None)])
def test_two_hand_offs_with_one_id_are_decided_each(
    guard: Guard, run: Run, ids: tuple[str | None, str | None]
) -> None:
    """Models give one id to two calls, or none: the allowed one does not speak for the other."""
    a, b = specialist("a", guard, "from a"), specialist("b", guard, "from b")
    asked = ask("transfer_to_b", "transfer_to_a")
    for call, given in zip(asked.tool_calls, ids, strict=True):
        call["id"] = given

    graph = create_supervisor([a, b], model=scripted(asked, "x"), guard=guard)
    messages = run(graph.compile(), "help", {"configurable": {"thread_id": "t"}})["messages"]

    texts = [message.text for message in messages]
    assert ("from a" in texts, "from b" in texts) == (True, False)
    decided = {
        each.body["to"]: each.body["verdict"] for each in guard.ledger.records("t", "handoff")
    }
    assert decided == {"a": "allow", "b": "deny"}
    check_valid(messages)


def test_a_hook_that_gives_two_hand_offs_one_id(guard: Guard, run: Run) -> None:
    """What a hook, or whoever writes into the thread, leaves of the message is decided as it is."""

    def confuse(state: MessagesState) -> dict[str, list[AIMessage]]:
        said = state["messages"][-1]
        assert isinstance(said, AIMessage)
        calls = [{**call, "id": "x"} for call in said.tool_calls]
        return {"messages": [said.model_copy(update={"tool_calls": calls})]}

    a, b = specialist("a", guard, "from a"), specialist("b", guard, "from b")
    model = scripted(ask("transfer_to_b", "transfer_to_a"), "x")
    graph = create_supervisor([a, b], model=model, guard=guard, post_model_hook=confuse)
    texts = [each.text for each in run(graph.compile(), "help")["messages"]]

    assert ("from a" in texts, "from b" in texts) == (True, False)


@pytest.mark.parametrize("goto", ["b", Send("b", {"messages": []}), ["a", "b"]], ids=str)
def test_an_agents_own_hand_off_is_decided(
    guard: Guard,
    run: Run,
    goto: Any,  # noqa: ANN401 - whatever a command goes to
) -> None:
    """A graph of somebody else's steers the one around it; no rule lets `a` hand over to `b`."""

    def hand_on(state: MessagesState) -> Command[Any]:  # noqa: ARG001 - a node takes the state
        return Command(graph=Command.PARENT, goto=goto)

    a = StateGraph(MessagesState).add_node("hand_on", hand_on).add_edge(START, "hand_on")
    b = specialist("b", guard, "from b")
    model = scripted(ask("transfer_to_a"), "x")
    graph = create_supervisor([a.compile(name="a"), b], model=model, guard=guard)

    messages = run(graph.compile(), "help", {"configurable": {"thread_id": "t"}})["messages"]

    texts = [message.text for message in messages]
    assert "from b" not in texts
    assert "No rule lets 'a' hand work to 'b'." in " ".join(texts)
    decided = [each.body for each in guard.ledger.records("t", "handoff")]
    assert [each["chain"] for each in decided if each["to"] == "b"] == [["supervisor"]]
    check_valid(messages)


def test_the_chain_grows_from_supervisor_to_supervisor(guard: Guard, run: Run) -> None:
    """A rule can ask through whom a request came."""
    a = specialist("a", guard, "from a")
    inner = create_supervisor(
        [a], model=scripted(ask("transfer_to_a"), "y"), guard=guard, supervisor_name="inner"
    ).compile(name="inner")
    model = scripted(ask("transfer_to_inner"), "x")
    app = create_supervisor([inner], model=model, guard=guard).compile()

    messages = run(app, "help", {"configurable": {"thread_id": "t"}})["messages"]

    chains = [record.body["chain"] for record in guard.ledger.records("t", "handoff")]
    assert chains == [[], ["supervisor"]]
    assert messages[-1].text == "x"


def test_names_that_the_policy_does_not_know_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """A supervisor that was renamed would hand nothing over, and only its model would read why."""
    ledger = Ledger("sqlite://")
    guard = Guard(policy=Policy.shipped(), ledger=ledger)
    agents = [specialist(name, None) for name in ("orders", "returns", "stock")]

    create_supervisor(agents, model=scripted(), guard=guard, supervisor_name="desk")

    told = [record.getMessage().partition(" and denies")[0] for record in caplog.records]
    assert told == [f"the policy knows no agent named {name!r}" for name in ("desk", "stock")]
    ledger.close()


def test_an_agent_with_a_loose_tool_is_refused_by_name(guard: Guard) -> None:
    """Agent and tool are named, so that somebody can do something about it."""
    with pytest.raises(ValueError, match=r"Agent 'a' holds tools .* not govern: loose"):
        create_supervisor([holding("a", loose)], model=scripted(), guard=guard)


def test_a_specialist_without_a_guard_is_refused(guard: Guard) -> None:
    """Its tools are as loose as any."""
    agent = create_specialist("a", model=scripted(), tools=[loose])

    with pytest.raises(ValueError, match="does not govern: loose"):
        create_supervisor([agent], model=scripted(), guard=guard)


def test_a_loose_tool_is_found_in_a_graph_within_a_graph(guard: Guard) -> None:
    """Neither a subgraph nor a supervisor's own tools hide one."""
    inner = create_supervisor([], model=scripted(), tools=[loose], supervisor_name="inner")
    nested = StateGraph(MessagesState).add_node("inner", inner.compile()).add_edge(START, "inner")

    with pytest.raises(ValueError, match=r"Agent 'a' holds tools .*: loose"):
        create_supervisor([nested.compile(name="a")], model=scripted(), guard=guard)


def test_an_agent_with_bound_tools_is_taken(guard: Guard) -> None:
    """Tools that decide and record by themselves are governed in any graph."""
    agent = holding("a", *guard.bind([look], agent="a"))

    create_supervisor([agent], model=scripted(), guard=guard)


def test_tools_bound_to_another_guard_are_refused(guard: Guard) -> None:
    """Another guard has other rules and another ledger."""
    other = Guard(policy=guard.policy, ledger=guard.ledger)
    agents = [holding("a", *other.bind([look], agent="a")), specialist("a", other)]

    for agent in agents:
        with pytest.raises(ValueError, match="Agent 'a'"):
            create_supervisor([agent], model=scripted(), guard=guard)


def test_a_remote_agent_is_refused(guard: Guard) -> None:
    """What it runs, it runs elsewhere."""
    remote = RemoteGraph("a", url="http://127.0.0.1:9")
    around = StateGraph(MessagesState).add_node("remote", remote).add_edge(START, "remote")

    for agent in (remote, around.compile(name="a")):
        with pytest.raises(ValueError, match="Agent 'a' runs in another process"):
            create_supervisor([agent], model=scripted(), guard=guard)


def test_an_own_tool_is_bound_to_the_guard(guard: Guard, run: Run) -> None:
    """The supervisor's own call is decided and recorded like any other."""
    graph = create_supervisor([], model=scripted(ask("look"), "x"), tools=[look], guard=guard)

    messages = run(graph.compile(), "help", {"configurable": {"thread_id": "t"}})["messages"]

    assert messages[2].text == "seen"
    deciding = [record.body["agent"] for record in guard.ledger.records("t", "decision")]
    assert set(map(str, deciding)) == {"supervisor"}


def test_a_loose_own_tool_is_refused(guard: Guard) -> None:
    """Given as a tool or in a tool node."""
    with pytest.raises(ValueError, match="Tool 'loose' of 'supervisor' is not governed"):
        create_supervisor([], model=scripted(), tools=[loose], guard=guard)
    with pytest.raises(ValueError, match="Tool 'loose' in the tool node of 'supervisor'"):
        create_supervisor([], model=scripted(), tools=ToolNode([loose]), guard=guard)


def test_bound_tools_in_a_tool_node_are_taken(guard: Guard) -> None:
    """The node keeps its own error handling."""
    node = ToolNode(guard.bind([look], agent="supervisor"))

    create_supervisor([], model=scripted(), tools=node, guard=guard)
