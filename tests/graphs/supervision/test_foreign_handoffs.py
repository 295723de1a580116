"""Hand-off tools that others have made."""

import warnings
from typing import Annotated, Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)
from langchain_core.tools import BaseTool, InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.prebuilt import InjectedState
from langgraph.types import Command, Send, interrupt
from tests.graphs.fakes import Office, Run, ask, check_valid, scripted, told

from bailiwick.graphs import create_handoff_tool, create_supervisor
from bailiwick.graphs.handoff import METADATA_KEY_HANDOFF_DESTINATION

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langgraph_supervisor.handoff import create_handoff_tool as create_their_tool


def briefing_tool(agent: str) -> BaseTool:
    """Return a hand-off tool as the other package's readme builds one: with a briefing."""

    @tool(f"brief_{agent}", description="Hand over with a briefing.")
    def brief(
        briefing: str,
        state: Annotated[dict[str, Any], InjectedState],
        tool_call_id: Annotated[str, InjectedToolCallId],
    ) -> Command[str]:
        done = ToolMessage("briefed", name=f"brief_{agent}", tool_call_id=tool_call_id)
        update = {"messages": [*state["messages"], done], "briefing": briefing}
        return Command(goto=agent, graph=Command.PARENT, update=update)

    brief.metadata = {METADATA_KEY_HANDOFF_DESTINATION: agent}
    return brief


@pytest.mark.parametrize("kept", [True, False], ids=["with messages", "without"])
def test_the_other_packages_tool_hands_over(office: Office, run: Run, *, kept: bool) -> None:
    """Its command is read as it would be by the graph around it."""
    tools = [create_their_tool(agent_name="a", add_handoff_messages=kept)]
    app = create_supervisor(
        [office.agent("a")], model=scripted(ask("transfer_to_a"), "x"), tools=tools
    ).compile()

    messages = run(app, "help")["messages"]

    assert told(messages)[1:-3] == [
        *([("ai", "supervisor", "")] if kept else []),
        *([("tool", "transfer_to_a", "Successfully transferred to a")] if kept else []),
        ("ai", "a", "a is done"),
    ]
    assert len(office.views["a"]) == 1
    check_valid(messages)


def test_two_of_the_other_packages_tools_run_side_by_side(office: Office, run: Run) -> None:
    """Each agent gets the view that its tool sent; the history keeps the calls and answers."""
    tools = [create_their_tool(agent_name=name) for name in ("a", "b")]
    model = scripted(ask("transfer_to_a", "transfer_to_b"), "x")
    agents = [office.agent("a"), office.agent("b")]
    app = create_supervisor(agents, model=model, tools=tools, output_mode="full_history").compile()

    messages = run(app, "help")["messages"]

    assert [m.text for m in messages if m.name in {"a", "b"}][::2] == ["a is done", "b is done"]
    assert len(model.seen) == 2
    for view in (*office.views["a"], *office.views["b"], messages):
        check_valid(view)


def test_a_custom_tool_may_write_other_keys(office: Office, run: Run) -> None:
    """What its command updates beside the messages reaches the agent."""
    from langgraph.graph import MessagesState

    class Briefed(MessagesState):
        briefing: str

    model = scripted(ask(("brief_a", {"briefing": "be quick"})), "x")
    app = create_supervisor(
        [office.agent("a", schema=Briefed)],
        model=model,
        tools=[briefing_tool("a")],
        state_schema=Briefed,
    ).compile()

    result = run(app, "help")

    assert result["briefing"] == "be quick"
    assert [message.text for message in result["messages"]][2:4] == ["briefed", "a is done"]
    check_valid(result["messages"])


def test_a_custom_tools_argument_named_task_is_its_own(office: Office, run: Run) -> None:
    """The agent is told what the tool tells it, and nothing a second time."""

    @tool
    def assign(task: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[str]:
        """Assign work."""
        done = ToolMessage("assigned", tool_call_id=tool_call_id)
        told = HumanMessage(f"{task}, in French")
        return Command(goto="a", graph=Command.PARENT, update={"messages": [done, told]})

    assign.metadata = {METADATA_KEY_HANDOFF_DESTINATION: "a"}
    model = scripted(ask(("assign", {"task": "add"})), "x")
    app = create_supervisor([office.agent("a")], model=model, tools=[assign]).compile()

    run(app, "help")

    assert [message.text for message in office.views["a"][0]][2:] == ["assigned", "add, in French"]


def test_a_custom_tool_stands_beside_one_of_ours(office: Office, run: Run) -> None:
    """Both agents run in one step."""
    wanted = ask(("brief_a", {"briefing": "x"}), ("transfer_to_b", {"task": "only b"}))
    tools = [briefing_tool("a"), create_handoff_tool(agent_name="b")]
    model = scripted(wanted, "x")
    agents = [office.agent("a"), office.agent("b")]

    messages = run(create_supervisor(agents, model=model, tools=tools).compile(), "help")[
        "messages"
    ]

    assert told(office.views["a"][0])[-1] == ("tool", "brief_a", "briefed")
    assert told(office.views["b"][0])[-1] == ("human", "supervisor", "only b")
    assert len(model.seen) == 2
    check_valid(messages)


def test_a_custom_tool_may_refuse(office: Office, run: Run) -> None:
    """A tool that returns text hands over to nobody, and the model reads the text."""

    @tool
    def transfer_to_a() -> str:
        """Refuse."""
        return "not today"

    transfer_to_a.metadata = {METADATA_KEY_HANDOFF_DESTINATION: "a"}
    model = scripted(ask("transfer_to_a"), "x")
    app = create_supervisor([office.agent("a")], model=model, tools=[transfer_to_a]).compile()

    messages = run(app, "help")["messages"]

    assert messages[2].text == "not today"
    assert office.views == {}
    check_valid(messages)


def test_a_custom_tool_may_send_its_own_view(office: Office, run: Run) -> None:
    """The view is the tool's word, whatever the history says."""

    @tool
    def transfer_to_a() -> Command[str]:
        """Send the agent a view of its own."""
        view: list[BaseMessage] = [AIMessage("only this", id="1")]
        return Command(goto=[Send("a", {"messages": view})], graph=Command.PARENT)

    transfer_to_a.metadata = {METADATA_KEY_HANDOFF_DESTINATION: "a"}
    model = scripted(ask("transfer_to_a"), "x")
    app = create_supervisor([office.agent("a")], model=model, tools=[transfer_to_a]).compile()

    messages = run(app, "help")["messages"]

    assert [message.text for message in office.views["a"][0]] == ["only this"]
    check_valid(messages)


def test_an_agent_may_hand_over_to_another(office: Office, run: Run) -> None:
    """What it was shown does not come back with its command."""
    from langgraph.graph import START, MessagesState, StateGraph

    def pass_on(state: MessagesState) -> Command[str]:
        said = AIMessage("ask b", name="a")
        return Command(
            goto="b", graph=Command.PARENT, update={"messages": [*state["messages"], said]}
        )

    passing = StateGraph(MessagesState).add_node("pass_on", pass_on).add_edge(START, "pass_on")
    agents = [passing.compile(name="a"), office.agent("b")]
    wanted = ask(("transfer_to_a", {"task": "ask around"}))
    app = create_supervisor(agents, model=scripted(wanted, "waiting", "x")).compile()

    messages = run(app, "help")["messages"]

    assert [message.type for message in messages].count("human") == 1
    assert "ask b" in [message.text for message in office.views["b"][0]]
    check_valid(messages)


def test_a_tool_that_asks_before_it_hands_over(office: Office, run: Run) -> None:
    """The answer is to the hand-off that was asked about: the model is not called again."""

    def asking_tool(agent: str) -> BaseTool:
        @tool(f"ask_{agent}", description="Ask before handing over.")
        def ask_first(tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[str]:
            assert interrupt(f"hand over to {agent}?") == "yes"
            done = ToolMessage("asked", name=f"ask_{agent}", tool_call_id=tool_call_id)
            return Command(goto=agent, graph=Command.PARENT, update={"messages": [done]})

        ask_first.metadata = {METADATA_KEY_HANDOFF_DESTINATION: agent}
        return ask_first

    model = scripted(ask("ask_a"), ask("ask_b"), "x")
    agents = [office.agent("a"), office.agent("b")]
    graph = create_supervisor(agents, model=model, tools=[asking_tool("a"), asking_tool("b")])
    app = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}

    first = run(app, "help", config)
    second = run(app, Command(resume="yes"), config)

    assert [each.value for each in first["__interrupt__"]] == ["hand over to a?"]
    assert [each.value for each in second["__interrupt__"]] == ["hand over to b?"]
    assert list(office.views) == ["a"]


@pytest.mark.parametrize("change", ["remove", "redact", "remove all"])
def test_a_tool_that_changes_the_history(office: Office, run: Run, change: str) -> None:
    """What it hides, the agent does not read; the call and its answer stay."""
    hiding: dict[str, list[BaseMessage]] = {
        "remove": [RemoveMessage("old")],
        "redact": [HumanMessage("hidden", id="old")],
        "remove all": [RemoveMessage(REMOVE_ALL_MESSAGES)],
    }

    @tool("hide_and_go", description="Hide what was said, and hand over.")
    def hide(tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[str]:
        done = ToolMessage("hidden", name="hide_and_go", tool_call_id=tool_call_id)
        update = {"messages": [*hiding[change], done]}
        return Command(goto="a", graph=Command.PARENT, update=update)

    hide.metadata = {METADATA_KEY_HANDOFF_DESTINATION: "a"}
    model = scripted(ask("hide_and_go"), "x")
    app = create_supervisor([office.agent("a")], model=model, tools=[hide]).compile()
    said: list[BaseMessage] = [HumanMessage("secret", id="old"), HumanMessage("help", id="new")]

    messages = run(app, {"messages": said})["messages"]

    for read in (*office.views["a"], messages):
        assert "secret" not in [message.text for message in read]
    texts = [message.text for message in messages]
    assert ("help" in texts) is (change != "remove all")
    assert "hide_and_go" in [message.name for message in messages]
    check_valid(messages)
