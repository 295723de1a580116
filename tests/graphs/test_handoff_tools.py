"""What the hand-off tools say to a model, and what they do without our supervisor."""

import warnings
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send
from tests.graphs.fakes import Office, ask, check_valid, scripted, told

from bailiwick.graphs import create_forward_message_tool, create_handoff_tool
from bailiwick.graphs.handoff import (
    METADATA_KEY_HANDOFF_DESTINATION,
    create_handoff_back_messages,
    normalize_agent_name,
)


def test_a_hand_off_tool_says_where_it_leads() -> None:
    """Name, description and metadata are the other package's; the task may be left out."""
    made = create_handoff_tool(agent_name="Tax  Office")

    assert made.name == "transfer_to_tax_office"
    assert made.description == "Ask agent 'Tax  Office' for help"
    assert made.metadata == {METADATA_KEY_HANDOFF_DESTINATION: "Tax  Office"}
    schema = made.tool_call_schema.model_json_schema()  # type: ignore[union-attr]  # a pydantic class
    assert list(schema["properties"]) == ["task"]
    assert "required" not in schema


def test_names_are_made_fit_for_tools() -> None:
    """White space and case are what tool names cannot hold."""
    assert normalize_agent_name(" My\tGood  Agent ") == "my_good_agent"


def test_the_way_back_is_a_call_and_its_answer() -> None:
    """Both are marked, and an id of its own joins them."""
    said, done = create_handoff_back_messages("clerk", "The Desk")

    assert said.tool_calls[0]["name"] == done.name == "transfer_back_to_the_desk"
    assert said.tool_calls[0]["id"] == done.tool_call_id
    check_valid([said, done])


def _around(office: Office, tools: list[BaseTool], asked: AIMessage) -> list[Any]:
    """Run tools in a graph inside another graph, which has the agents `a` and `b`."""
    inner = StateGraph(MessagesState).add_node("tools", ToolNode(tools))
    inner.set_entry_point("tools")
    outer = StateGraph(MessagesState).add_node("inner", inner.compile(), destinations=("a", "b"))
    outer.set_entry_point("inner")
    for name in ("a", "b"):
        outer.add_node(name, office.agent(name))
    given: MessagesState = {"messages": [HumanMessage("help"), asked]}
    return list(outer.compile().invoke(given)["messages"])


def _call(tool: BaseTool, **args: object) -> ToolCall:
    """Call a tool as a tool node does: with the state, and by the id of a call."""
    return {"type": "tool_call", "name": tool.name, "args": args, "id": "call"}


def test_elsewhere_the_tool_routes_in_the_graph_around(office: Office) -> None:
    """One hand-off writes the history and goes on."""
    asked = ask("transfer_to_a")

    messages = _around(office, [create_handoff_tool(agent_name="a")], asked)

    assert told(messages)[2:] == [
        ("tool", "transfer_to_a", "Successfully transferred to a"),
        ("ai", "a", "a is done"),
    ]
    check_valid(messages)


def test_elsewhere_a_task_is_for_the_agent_alone(office: Office) -> None:
    """It is sent to the agent and not written into the history."""
    asked = ask(("transfer_to_a", {"task": "count"}))

    messages = _around(office, [create_handoff_tool(agent_name="a")], asked)

    assert told(office.views["a"][0])[-1] == ("human", None, "count")
    check_valid(office.views["a"][0])
    assert len(messages) >= 4


def test_elsewhere_parallel_hand_offs_are_all_sent(office: Office) -> None:
    """Each agent gets its own part of the message."""
    asked = ask("transfer_to_a", ("transfer_to_b", {"task": "count"}))
    tools = [create_handoff_tool(agent_name=name) for name in ("a", "b")]

    _around(office, tools, asked)

    assert told(office.views["a"][0])[-1][2] == "Successfully transferred to a"
    assert told(office.views["b"][0])[-1][2] == "count"
    check_valid(office.views["a"][0])
    check_valid(office.views["b"][0])


def test_elsewhere_a_hidden_hand_off_leaves_no_trace() -> None:
    """The message with the call is taken out of what the graph around gets."""
    made = create_handoff_tool(agent_name="a", add_handoff_messages=False)
    state = {"messages": [HumanMessage("help"), ask("transfer_to_a")]}

    command = made.invoke(_call(made, state=state))

    assert isinstance(command, Command)
    assert (command.goto, command.graph) == ("a", Command.PARENT)
    assert command.update == {"messages": state["messages"][:1]}


def test_in_the_other_package_the_tools_work_as_its_own(office: Office) -> None:
    """Its supervisor runs them as tools."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langgraph_supervisor import create_supervisor

        model = scripted(
            ask(("transfer_to_a", {"task": "count"})),
            ask(("forward_message", {"from_agent": "a"})),
        )
        tools: list[Any] = [create_handoff_tool(agent_name="a"), create_forward_message_tool()]
        graph = create_supervisor([office.agent("a")], model=model, tools=tools)

    messages = graph.compile().invoke({"messages": [HumanMessage("help")]})["messages"]

    assert told(office.views["a"][0])[-1][2] == "count"
    assert told(messages)[-1] == ("ai", "supervisor", "a is done")


def test_elsewhere_forwarding_what_is_not_there_says_so() -> None:
    """The model reads the sorted names of those who have spoken."""
    made = create_forward_message_tool()
    said = [AIMessage("x", name="b"), AIMessage("y", name="a"), ToolMessage("z", tool_call_id="1")]

    text = made.invoke({"from_agent": "c", "state": {"messages": said}})

    assert text == "Could not find message from source agent c. Found names: ['a', 'b']"


def test_a_view_is_sent_where_a_task_is() -> None:
    """A send and an update together keep the history whole."""
    made = create_handoff_tool(agent_name="a")
    state = {"messages": [HumanMessage("help"), ask("transfer_to_a")]}

    command = made.invoke(_call(made, state=state, task="count"))

    assert isinstance(command.goto, Send)
    assert [m.type for m in command.update["messages"]] == ["human", "ai", "tool"]
    assert [m.type for m in command.goto.arg["messages"]] == ["human", "ai", "tool", "human"]


@pytest.mark.parametrize("task", [None, 7, "  "])
def test_what_is_no_task_is_none(office: Office, task: object) -> None:
    """A model may write anything into the argument."""
    from bailiwick.graphs import create_supervisor

    model = scripted(ask(("transfer_to_a", {"task": task})), "x")
    app = create_supervisor([office.agent("a")], model=model).compile()

    app.invoke({"messages": [HumanMessage("help")]})

    assert office.views["a"][0][-1].type == "tool"
