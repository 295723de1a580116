"""What a turn of the supervisor begins with: nothing reaches the model past the hook before it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Overwrite, interrupt
from pydantic import BaseModel
from tests.graphs.fakes import Office, Run, ask, scripted, told

from bailiwick.graphs import create_supervisor

HIDDEN = {"llm_input_messages": [HumanMessage("hidden")]}


def hide(_state: MessagesState) -> dict[str, Any]:
    """Give the model something else to read."""
    return HIDDEN


@tool
def back() -> Command[str]:
    """Go back to the supervisor."""
    return Command(goto="supervisor", graph=Command.PARENT)


def returning(state: MessagesState) -> Command[str]:
    """Go back to the supervisor by name, beside the edge that leads there anyway."""
    return Command(goto="supervisor", graph=Command.PARENT, update=state)


def test_an_agents_way_back_by_name_goes_through_the_hook(run: Run) -> None:
    """And the model is called once for it."""
    clerk = StateGraph(MessagesState)
    clerk.add_node("returning", returning)
    clerk.add_edge(START, "returning")
    model = scripted(ask("transfer_to_clerk"), "done", "done again")
    graph = create_supervisor([clerk.compile(name="clerk")], model=model, pre_model_hook=hide)

    messages = run(graph.compile(), "secret")["messages"]

    assert [told(seen) for seen in model.seen] == [[("human", None, "hidden")]] * 2
    assert messages[-1].text == "done"


def person(state: MessagesState) -> dict[str, Any]:
    """Say as much as has been said, as a person."""
    return {"messages": [HumanMessage("secret") for _ in state["messages"]]}


def test_an_edge_to_the_supervisor_goes_through_the_hook(run: Run) -> None:
    """Also where the graph's owner has added it."""
    model = scripted("x", "y")
    graph = create_supervisor([], model=model, pre_model_hook=hide)
    graph.add_node("person", person)
    graph.add_edge(START, "person")
    graph.add_edge("person", "supervisor")

    run(graph.compile(), "hi")

    assert [told(seen) for seen in model.seen] == [[("human", None, "hidden")]] * 2


def test_a_tools_way_to_the_supervisor_goes_through_the_hook(run: Run) -> None:
    """It names the supervisor, as in the graph around it."""
    model = scripted(ask("back"), "x")
    app = create_supervisor([], model=model, tools=[back], pre_model_hook=_answering).compile()

    run(app, "secret")

    assert [len(seen) for seen in model.seen] == [1, 1]


def _answering(state: MessagesState) -> dict[str, Any]:
    return {"llm_input_messages": state["messages"][:1]}


def test_a_command_to_the_supervisor_goes_through_the_hook(run: Run) -> None:
    """Whoever runs the graph may start anywhere, and gets there with the hook."""
    model = scripted("x", "y")
    app = create_supervisor([], model=model, pre_model_hook=hide).compile(
        checkpointer=InMemorySaver()
    )
    config = {"configurable": {"thread_id": "t"}}
    run(app, "hi", config)

    run(app, Command(goto="supervisor", update={"messages": [HumanMessage("secret")]}), config)

    assert told(model.seen[-1]) == [("human", None, "hidden")]


class Typed(BaseModel):
    """Be a state with a default."""

    messages: Annotated[list[AnyMessage], add_messages]
    user: str = "bob"


@dataclass
class Own:
    """Be what a hook wants to be given."""

    messages: list[AnyMessage]


def _typed(state: Typed) -> dict[str, Any]:
    return {"messages": [HumanMessage(state.user)]}


def _own(state: Own) -> dict[str, Any]:
    return {"messages": [HumanMessage(f"{len(state.messages)} read")]}


def _mapping(state: MessagesState) -> dict[str, Any]:
    return {"messages": [HumanMessage(f"{len(state['messages'])} read")]}


def _nothing(_: object) -> None:
    return None


def _one(_: object) -> dict[str, Any]:
    return {"messages": ("user", "x")}


def _command(_: object) -> Command[str]:
    return Command(update={"messages": ["x"]})


def _state(_: object) -> Typed:
    return Typed(messages=[HumanMessage("x")])


@pytest.mark.parametrize(
    ("hook", "added"),
    [
        pytest.param(_typed, ["bob"], id="the state's class"),
        pytest.param(_own, ["1 read"], id="a dataclass"),
        pytest.param(_mapping, ["1 read"], id="a dictionary"),
        pytest.param(_nothing, [], id="nothing"),
        pytest.param(_one, ["x"], id="one message"),
        pytest.param(_command, ["x"], id="a command"),
        pytest.param(_state, ["x"], id="a state"),
    ],
)
def test_a_hook_is_run_as_langgraph_runs_a_node(
    run: Run, hook: Callable[[Any], Any], added: list[str]
) -> None:
    """In what it takes and in what it gives; the model reads what it leaves, under the same ids."""
    model = scripted("x")
    app = create_supervisor([], model=model, state_schema=Typed, pre_model_hook=hook).compile()

    result = run(app, {"messages": [HumanMessage("hi")], "user": "eve"} if not added else "hi")

    assert [message.text for message in model.seen[0]] == ["hi", *added]
    assert [each.id for each in result["messages"][:-1]] == [each.id for each in model.seen[0]]
    assert added or result["user"] == "eve"


@pytest.mark.parametrize("schema", [None, MessagesState])
def test_a_hook_may_overwrite_the_history(run: Run, schema: type[Any] | None) -> None:
    """With what its own reducer would not do."""

    def last(state: MessagesState) -> dict[str, Any]:
        return {"messages": Overwrite(state["messages"][-1:])}

    model = scripted("x")
    app = create_supervisor([], model=model, state_schema=schema, pre_model_hook=last).compile()

    messages = run(app, {"messages": [HumanMessage("one"), HumanMessage("two")]})["messages"]

    assert [message.text for message in messages] == ["two", "x"]
    assert [message.text for message in model.seen[0]] == ["two"]


def test_a_hook_may_interrupt(run: Run) -> None:
    """The model speaks when the answer has come, and once."""

    def asking(_state: MessagesState) -> dict[str, Any]:
        return {"messages": [HumanMessage(interrupt("well?"))]}

    model = scripted("x", "y")
    app = create_supervisor([], model=model, pre_model_hook=asking).compile(
        checkpointer=InMemorySaver()
    )
    config = {"configurable": {"thread_id": "t"}}
    run(app, "hi", config)

    messages = run(app, Command(resume="go on"), config)["messages"]

    assert [message.text for message in messages] == ["hi", "go on", "x"]


class Kept(MessagesState):
    """Have a place for what a hook gives the model."""

    llm_input_messages: list[AnyMessage]


def test_a_state_may_have_the_key_of_what_a_hook_gives(run: Run) -> None:
    """What stands there from an earlier turn is not read again."""

    def once(state: Kept) -> dict[str, Any]:
        return HIDDEN if len(state["messages"]) == 1 else {}

    model = scripted(ask("nobody"), "x")
    app = create_supervisor([], model=model, state_schema=Kept, pre_model_hook=once).compile()

    result = run(app, "hi")

    assert [len(seen) for seen in model.seen] == [1, 3]
    assert [message.text for message in result["llm_input_messages"]] == ["hidden"]


class Counting(MessagesState):
    """Have a key that only a hook knows."""

    turns: int


def test_a_hook_may_keep_what_no_schema_has_but_its_own(run: Run) -> None:
    """As a node of the graph may."""
    counted: list[int] = []

    def count(state: Counting) -> dict[str, Any]:
        counted.append(state.get("turns", 0))
        return {"turns": counted[-1] + 1}

    run(
        create_supervisor([], model=scripted(ask("nobody"), "x"), pre_model_hook=count).compile(),
        "",
    )

    assert counted == [0, 1]


def test_a_turn_with_a_hook_is_one_update(office: Office) -> None:
    """What the hook writes and what the model says come together, under the supervisor's name."""
    model = scripted(ask("transfer_to_clerk"), "x")
    app = create_supervisor([office.agent("clerk")], model=model, pre_model_hook=hide).compile()

    updates = list(app.stream({"messages": [HumanMessage("hi")]}, stream_mode="updates"))

    assert [list(update) for update in updates] == [["supervisor"], ["clerk"], ["supervisor"]]
    assert [len(v["messages"]) for update in updates for v in update.values()] == [2, 3, 1]
