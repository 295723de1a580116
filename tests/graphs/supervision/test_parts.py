"""What a supervisor is built from: agents and hand-off tools, and which are refused."""

import warnings

import pytest
from langchain_core.tools import tool
from langgraph.graph import MessagesState
from tests.graphs.fakes import Office, Run, ask, scripted

from bailiwick.graphs import create_handoff_tool, create_supervisor


def test_the_prefix_names_the_hand_off_tools(office: Office) -> None:
    """Agents keep their order, and their names are made fit for tools."""
    model = scripted()

    create_supervisor(
        [office.agent("Tax Office"), office.agent("clerk")],
        model=model,
        handoff_tool_prefix="delegate_to_",
    )

    assert model.bound == ["delegate_to_tax_office", "delegate_to_clerk"]


@pytest.mark.parametrize("names", [("b", "a", "c"), ("c", "b", "a"), ("a", "c", "b")])
def test_tools_come_in_the_order_of_the_agents(office: Office, names: tuple[str, ...]) -> None:
    """The model reads its tools in the same order every time."""
    model = scripted()

    create_supervisor([office.agent(name) for name in names], model=model)

    assert model.bound == [f"transfer_to_{name}" for name in names]


def test_an_unnamed_agent_is_refused(office: Office) -> None:
    """LangGraph's default name is no name."""
    nameless = office.agent("clerk").builder.compile()
    for name in (nameless.name, None):
        nameless.name = name  # type: ignore[assignment]  # what is tried
        with pytest.raises(ValueError, match="Please specify a name when you create your agent"):
            create_supervisor([nameless], model=scripted())


def test_two_agents_of_one_name_are_refused(office: Office) -> None:
    """A name is a node."""
    with pytest.raises(ValueError, match="Agent with name 'clerk' already exists"):
        create_supervisor([office.agent("clerk"), office.agent("clerk")], model=scripted())


def test_names_that_make_one_tool_name_are_refused(office: Office) -> None:
    """Otherwise one agent could never be reached, and nobody would know."""
    with pytest.raises(ValueError, match=r"'transfer_to_my_agent'.*'My Agent'.*'my_agent'"):
        create_supervisor([office.agent("My Agent"), office.agent("my_agent")], model=scripted())


def test_an_own_tool_cannot_take_a_hand_offs_name(office: Office) -> None:
    """A tool that hides a hand-off is an error, too."""

    @tool
    def transfer_to_clerk() -> str:
        """Look like a hand-off."""
        return ""

    with pytest.raises(ValueError, match="Two tools are named 'transfer_to_clerk'"):
        create_supervisor([office.agent("clerk")], model=scripted(), tools=[transfer_to_clerk])


def test_hand_off_tools_for_some_agents_only_are_refused(office: Office) -> None:
    """An agent without one could never be reached."""
    tools = [create_handoff_tool(agent_name="a")]

    with pytest.raises(ValueError, match="Missing handoff tools for agents 'b'"):
        create_supervisor([office.agent("a"), office.agent("b")], model=scripted(), tools=tools)


def test_given_hand_off_tools_take_the_place_of_made_ones(office: Office, run: Run) -> None:
    """A tool of another name and description hands over just the same."""
    model = scripted(ask("ask_the_clerk"), "x")
    tools = [create_handoff_tool(agent_name="clerk", name="ask_the_clerk", description="Ask.")]
    app = create_supervisor([office.agent("clerk")], model=model, tools=tools).compile()

    messages = run(app, "help")["messages"]

    assert model.bound == ["ask_the_clerk"]
    assert messages[3].name == "clerk"


def test_an_unknown_output_mode_is_refused(office: Office) -> None:
    """A misspelt mode is an error when the graph is made."""
    with pytest.raises(ValueError, match="Invalid agent output mode: all"):
        create_supervisor([office.agent("clerk")], model=scripted(), output_mode="all")  # type: ignore[arg-type]  # what is tried


def test_the_old_name_of_the_context_schema_warns() -> None:
    """It still works, as long as others know it by that name."""

    class Context(MessagesState):
        pass

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph = create_supervisor([], model=scripted(), config_schema=Context)

    assert [each.category for each in caught] == [DeprecationWarning]
    assert graph.context_schema is Context
