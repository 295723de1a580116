"""What a supervisor's model is shown: its prompt, the conversation, names."""

import pytest
from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import MessagesState
from tests.graphs.fakes import Office, Run, ask, scripted, told

from bailiwick.graphs import create_supervisor


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


def test_an_unknown_name_mode_is_refused() -> None:
    """A misspelt mode is an error when the graph is made."""
    with pytest.raises(ValueError, match="Invalid agent name mode: outline"):
        create_supervisor([], model=scripted(), include_agent_name="outline")  # type: ignore[arg-type]  # what is tried
