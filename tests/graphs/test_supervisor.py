"""What a supervisor does with one agent at a time, and what it refuses to be built from."""

import warnings
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from tests.graphs.fakes import Office, Run, answer, ask, check_valid, scripted, told

from bailiwick.graphs import create_handoff_tool, create_supervisor
from bailiwick.graphs.handoff import (
    METADATA_KEY_HANDOFF_DESTINATION,
    METADATA_KEY_IS_HANDOFF_BACK,
)


def test_a_supervisor_without_agents_answers_by_itself(run: Run) -> None:
    """With nobody to hand over to, the model's answer is the end."""
    app = create_supervisor([], model=scripted("hello")).compile()

    result = run(app, "hi")

    assert told(result["messages"]) == [("human", None, "hi"), ("ai", "supervisor", "hello")]


def test_a_hand_off_runs_the_agent_and_comes_back(office: Office, run: Run) -> None:
    """The history tells the hand-off, the agent's last message and the way back."""
    model = scripted(ask("transfer_to_clerk"), "all done")
    app = create_supervisor([office.agent("clerk")], model=model).compile()

    messages = run(app, "help")["messages"]

    assert told(messages) == [
        ("human", None, "help"),
        ("ai", "supervisor", ""),
        ("tool", "transfer_to_clerk", "Successfully transferred to clerk"),
        ("ai", "clerk", "clerk is done"),
        ("ai", "clerk", "Transferring back to supervisor"),
        ("tool", "transfer_back_to_supervisor", "Successfully transferred back to supervisor"),
        ("ai", "supervisor", "all done"),
    ]
    assert messages[2].response_metadata == {METADATA_KEY_HANDOFF_DESTINATION: "clerk"}
    assert messages[4].response_metadata == {METADATA_KEY_IS_HANDOFF_BACK: True}
    assert messages[5].response_metadata == {METADATA_KEY_IS_HANDOFF_BACK: True}
    check_valid(messages)


def test_the_agent_reads_the_history_up_to_its_own_hand_off(office: Office) -> None:
    """What the supervisor said, with its answer, is the end of the agent's view."""
    app = create_supervisor(
        [office.agent("clerk")], model=scripted(ask("transfer_to_clerk"), "x")
    ).compile()

    app.invoke({"messages": [HumanMessage("help")]})

    assert told(office.views["clerk"][0]) == [
        ("human", None, "help"),
        ("ai", "supervisor", ""),
        ("tool", "transfer_to_clerk", "Successfully transferred to clerk"),
    ]


def test_a_task_is_read_by_the_agent_and_by_nobody_else(office: Office, run: Run) -> None:
    """The task stands last in the agent's view and does not come back, not even in full."""
    model = scripted(ask(("transfer_to_clerk", {"task": "count the chairs"})), "x")
    graph = create_supervisor([office.agent("clerk")], model=model, output_mode="full_history")

    messages = run(graph.compile(), "help")["messages"]

    assert told(office.views["clerk"][0])[-1] == ("human", "supervisor", "count the chairs")
    assert [m for m in messages if m.type == "human"] == [messages[0]]


def test_a_task_reaches_the_agent_without_hand_off_messages(office: Office) -> None:
    """An agent that cannot read its hand-off in the history gets the task all the same."""
    model = scripted(ask(("transfer_to_clerk", {"task": "count the chairs"})), "x")
    graph = create_supervisor([office.agent("clerk")], model=model, add_handoff_messages=False)

    messages = graph.compile().invoke({"messages": [HumanMessage("help")]})["messages"]

    assert told(office.views["clerk"][0]) == [
        ("human", None, "help"),
        ("human", "supervisor", "count the chairs"),
    ]
    assert told(messages) == [
        ("human", None, "help"),
        ("ai", "clerk", "clerk is done"),
        ("ai", "supervisor", "x"),
    ]


def test_the_full_history_has_what_the_agent_said_once(office: Office, run: Run) -> None:
    """All that the agent added is there, and nothing of what it was shown is there twice."""
    looked = ask("look")
    work = [looked, answer(looked, "seen"), AIMessage("found")]
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor(
        [office.agent("clerk", *work)], model=model, output_mode="full_history"
    )

    messages = run(graph.compile(), "help")["messages"]

    assert [text for _, _, text in told(messages)][3:6] == ["", "seen", "found"]
    assert len(messages) == 9
    check_valid(messages)


def test_a_last_tool_message_keeps_the_call_before_it(office: Office) -> None:
    """An agent that ends with a tool's result leaves the call in the history, too."""
    looked = ask("look")
    work = [AIMessage("hm"), looked, answer(looked, "seen")]
    app = create_supervisor(
        [office.agent("clerk", *work)],
        model=scripted(ask("transfer_to_clerk"), "x"),
    ).compile()

    messages = app.invoke({"messages": [HumanMessage("help")]})["messages"]

    assert [message.text for message in messages[3:5]] == ["", "seen"]
    check_valid(messages)


def test_an_agent_that_adds_nothing_leaves_nothing() -> None:
    """What the agent was shown is not taken for its answer."""

    def nothing(state: MessagesState) -> MessagesState:
        return {"messages": state["messages"]}

    silent = StateGraph(MessagesState).add_node("nothing", nothing).add_edge(START, "nothing")
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor(
        [silent.compile(name="clerk")], model=model, add_handoff_back_messages=False
    )

    messages = graph.compile().invoke({"messages": [HumanMessage("help")]})["messages"]

    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]


def test_other_keys_of_an_agents_state_pass_through(office: Office, run: Run) -> None:
    """An agent reads and writes the keys that it shares with the supervisor's state."""

    class Shared(MessagesState):
        ticket: str

    clerk = office.agent("clerk", schema=Shared, ticket="closed")
    model = scripted(ask("transfer_to_clerk"), "x")
    app = create_supervisor([clerk], model=model, state_schema=Shared).compile()

    result = run(app, {"messages": [HumanMessage("help")], "ticket": "open"})

    assert result["ticket"] == "closed"


def test_a_hand_off_without_messages_leaves_only_the_answer(office: Office, run: Run) -> None:
    """Neither the hand-off nor the way back is kept, and the agent sees none either."""
    model = scripted(ask("transfer_to_clerk"), "x")
    graph = create_supervisor([office.agent("clerk")], model=model, add_handoff_messages=False)

    messages = run(graph.compile(), "help")["messages"]

    assert told(office.views["clerk"][0]) == [("human", None, "help")]
    assert [message.name for message in messages] == [None, "clerk", "supervisor"]


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


def test_a_prompt_comes_before_the_conversation(run: Run) -> None:
    """Text becomes a system message, which the history never holds."""
    model = scripted("hello")

    result = run(create_supervisor([], model=model, prompt="Be brief.").compile(), "hi")

    assert told(model.seen[0]) == [("system", None, "Be brief."), ("human", None, "hi")]
    assert [message.type for message in result["messages"]] == ["human", "ai"]


def test_a_prompt_function_makes_the_whole_input(run: Run) -> None:
    """A function of the state, which may ask for the config, decides what the model reads."""

    def prompt(state: MessagesState, config: RunnableConfig) -> list[AnyMessage]:
        return [SystemMessage(config.get("metadata", {})["tone"]), state["messages"][-1]]

    model = scripted("hello")

    run(
        create_supervisor([], model=model, prompt=prompt).compile(),
        "hi",
        {"metadata": {"tone": "x"}},
    )

    assert told(model.seen[0]) == [("system", None, "x"), ("human", None, "hi")]


async def test_an_async_prompt_works_where_it_can() -> None:
    """A coroutine function is awaited on the asynchronous way and refused on the other."""

    async def prompt(state: MessagesState) -> list[AnyMessage]:
        return state["messages"]

    app = create_supervisor([], model=scripted("hello"), prompt=prompt).compile()

    assert len((await app.ainvoke({"messages": [HumanMessage("hi")]}))["messages"]) == 2
    with pytest.raises(TypeError, match="use ainvoke"):
        app.invoke({"messages": [HumanMessage("hi")]})


def test_an_unknown_prompt_is_refused() -> None:
    """A prompt of another kind is an error when the graph is made, not when it runs."""
    with pytest.raises(ValueError, match="unexpected type for `prompt`"):
        create_supervisor([], model=scripted(), prompt=7)  # type: ignore[arg-type]  # what is tried


def test_names_inline_are_written_for_the_model_alone(office: Office) -> None:
    """The model reads who said what; the history stays as it was, the model's tags are gone."""
    tagged = "<name>supervisor</name><content>all done</content>"
    model = scripted(ask("transfer_to_clerk"), tagged)
    app = create_supervisor(
        [office.agent("clerk")], model=model, include_agent_name="inline"
    ).compile()

    messages = app.invoke({"messages": [HumanMessage("help")]})["messages"]

    assert model.seen[1][3].text == "<name>clerk</name><content>clerk is done</content>"
    assert told(messages)[3] == ("ai", "clerk", "clerk is done")
    assert messages[-1].text == "all done"


def test_a_history_with_an_open_call_is_refused(run: Run) -> None:
    """Providers refuse it as well, with worse words."""
    app = create_supervisor([], model=scripted("x")).compile()

    with pytest.raises(ValueError, match="do not have a corresponding ToolMessage"):
        run(app, {"messages": [HumanMessage("help"), ask("look"), HumanMessage("well?")]})


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


def test_an_unknown_name_mode_is_refused() -> None:
    """A misspelt mode is an error when the graph is made."""
    with pytest.raises(ValueError, match="Invalid agent name mode: outline"):
        create_supervisor([], model=scripted(), include_agent_name="outline")  # type: ignore[arg-type]  # what is tried


def test_the_old_name_of_the_context_schema_warns() -> None:
    """It still works, as long as others know it by that name."""

    class Context(MessagesState):
        pass

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph = create_supervisor([], model=scripted(), config_schema=Context)

    assert [each.category for each in caught] == [DeprecationWarning]
    assert graph.context_schema is Context


def test_a_run_can_be_streamed(office: Office) -> None:
    """Each step shows under the name of what ran."""
    app = create_supervisor(
        [office.agent("clerk")], model=scripted(ask("transfer_to_clerk"), "x")
    ).compile()

    updates = list(app.stream({"messages": [HumanMessage("help")]}, stream_mode="updates"))

    assert [next(iter(update)) for update in updates] == ["supervisor", "clerk", "supervisor"]


async def test_a_run_can_be_streamed_message_by_message(office: Office) -> None:
    """What the model and the agents say can be read while the run goes on."""
    app = create_supervisor(
        [office.agent("clerk")], model=scripted(ask("transfer_to_clerk"), "x")
    ).compile()

    given = {"messages": [HumanMessage("help")]}
    parts: list[Any] = [part async for part, _ in app.astream(given, stream_mode="messages")]

    assert [part.text for part in parts if part.name == "supervisor"][-1] == "x"
    assert "clerk is done" in [part.text for part in parts]
