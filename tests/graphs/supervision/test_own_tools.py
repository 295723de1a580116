"""What the supervisor's own tools may do."""

from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import MessagesState
from langgraph.managed import RemainingSteps
from langgraph.prebuilt import InjectedState, ToolNode
from langgraph.types import Command, interrupt
from tests.graphs.fakes import Office, Run, ask, check_valid, scripted, told

from bailiwick.graphs import create_supervisor


class Counted(MessagesState):
    """Count the steps."""

    remaining_steps: RemainingSteps


@tool
def count_messages(state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Count the messages of the state."""
    return str(len(state["messages"]))


@tool
def fail() -> str:
    """Fail."""
    raise ArithmeticError("no")


def test_a_tool_runs_and_its_result_goes_to_the_model(run: Run) -> None:
    """The supervisor is an agent like any other."""
    model = scripted(ask("count_messages"), "two")

    messages = run(create_supervisor([], model=model, tools=[count_messages]).compile(), "hi")[
        "messages"
    ]

    assert told(messages)[2:] == [("tool", "count_messages", "2"), ("ai", "supervisor", "two")]


def test_a_plain_function_is_a_tool(run: Run) -> None:
    """A function with a docstring is wrapped."""

    def greet(name: str) -> str:
        """Greet somebody."""
        return f"hello {name}"

    model = scripted(ask(("greet", {"name": "clerk"})), "x")

    messages = run(create_supervisor([], model=model, tools=[greet]).compile(), "hi")["messages"]

    assert messages[2].text == "hello clerk"


def test_calls_of_one_turn_are_tasks_of_their_own(run: Run) -> None:
    """A tool that has run does not run again because its sibling waited for a person."""
    ran: list[str] = []

    @tool
    def work() -> str:
        """Work."""
        ran.append("work")
        return "worked"

    @tool
    def wait() -> str:
        """Wait."""
        return f"heard {interrupt('well?')}"

    model = scripted(ask("work", "wait"), "x")
    app = create_supervisor([], model=model, tools=[work, wait]).compile(
        checkpointer=InMemorySaver()
    )
    config = {"configurable": {"thread_id": "t"}}

    run(app, "hi", config)
    messages = run(app, Command(resume="yes"), config)["messages"]

    assert ran == ["work"]
    assert [message.text for message in messages[2:4]] == ["worked", "heard yes"]


def test_a_given_tool_nodes_error_handling_applies(run: Run) -> None:
    """The node is used as it was given."""
    node = ToolNode([fail], handle_tool_errors="try later")
    model = scripted(ask("fail"), "x")

    messages = run(create_supervisor([], model=model, tools=node).compile(), "hi")["messages"]

    assert (messages[2].text, messages[2].status) == ("try later", "error")


def test_a_tool_that_fails_fails_the_run(run: Run) -> None:
    """As LangGraph's own tool node has it, unless the node was given with another rule."""
    app = create_supervisor([], model=scripted(ask("fail")), tools=[fail]).compile()

    with pytest.raises(ArithmeticError):
        run(app, "hi")


def test_a_direct_tools_result_is_the_end(run: Run) -> None:
    """A tool that returns directly is not commented on."""

    @tool(return_direct=True)
    def look_up() -> str:
        """Look something up."""
        return "found"

    model = scripted(ask("look_up"))

    messages = run(create_supervisor([], model=model, tools=[look_up]).compile(), "hi")["messages"]

    assert messages[-1].text == "found"
    assert len(model.seen) == 1


def test_a_tool_may_write_to_the_state(run: Run) -> None:
    """A command without a destination goes back to the model."""

    class Shared(MessagesState):
        ticket: str

    @tool
    def close(tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[str]:
        """Close the ticket."""
        done = ToolMessage("closed", tool_call_id=tool_call_id)
        return Command(update={"ticket": "closed", "messages": [done]})

    model = scripted(ask("close"), "x")
    app = create_supervisor([], model=model, tools=[close], state_schema=Shared).compile()

    result = run(app, "hi")

    assert result["ticket"] == "closed"
    assert result["messages"][-1].text == "x"


@pytest.mark.parametrize("schema", [None, Counted], ids=["default", "own"])
def test_a_tool_sees_how_many_steps_are_left(run: Run, schema: type[Any] | None) -> None:
    """The state of a tool has what LangGraph fills in, too."""

    @tool
    def count_steps(state: Annotated[dict[str, Any], InjectedState]) -> str:
        """Count the steps that are left."""
        return str(state["remaining_steps"])

    model = scripted(ask("count_steps"), "x")
    app = create_supervisor([], model=model, tools=[count_steps], state_schema=schema).compile()

    messages = run(app, "hi", {"recursion_limit": 9})["messages"]

    assert messages[2].text == "7"


def test_a_tool_may_write_back_all_that_it_has_read(
    office: Office, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """What only LangGraph can write is left out, and no warning is logged."""

    @tool
    def escalate(
        state: Annotated[dict[str, Any], InjectedState],
        tool_call_id: Annotated[str, InjectedToolCallId],
    ) -> Command[str]:
        """Ask the manager."""
        told = [*state["messages"], ToolMessage("escalated", tool_call_id=tool_call_id)]
        return Command(goto="manager", graph=Command.PARENT, update={**state, "messages": told})

    model = scripted(ask("escalate"), "x")
    app = create_supervisor([office.agent("manager")], model=model, tools=[escalate]).compile()

    assert run(app, "hi")["messages"][-1].text == "x"
    assert caplog.messages == []


def test_a_tools_command_for_the_graph_around_is_for_this_one(office: Office, run: Run) -> None:
    """A tool that hands over without saying so in its metadata works as it did elsewhere."""

    @tool
    def escalate(
        state: Annotated[dict[str, Any], InjectedState],
        tool_call_id: Annotated[str, InjectedToolCallId],
    ) -> Command[str]:
        """Ask the manager."""
        done = ToolMessage("escalated", tool_call_id=tool_call_id)
        update = {**state, "messages": [*state["messages"], done]}
        return Command(goto="manager", graph=Command.PARENT, update=update)

    model = scripted(ask("escalate"), "x")
    app = create_supervisor([office.agent("manager")], model=model, tools=[escalate]).compile()

    messages = run(app, "hi")["messages"]

    assert len(office.views["manager"]) == 1
    assert [message.text for message in messages][2:4] == ["escalated", "manager is done"]
    assert len(model.seen) == 2
    check_valid(messages)
