"""What stands around the model's call: hooks before and after, and the structured answer."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import MessagesState
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import BaseModel
from tests.graphs.fakes import Office, Run, ShapingModel, ask, check_valid, scripted, told

from bailiwick.graphs import create_supervisor


def leave(_state: MessagesState) -> dict[str, Any]:
    """Change nothing."""
    return {}


def test_a_hook_gives_the_model_other_messages(run: Run) -> None:
    """They are read in place of the history in this turn, and not stored."""

    def last_only(state: MessagesState) -> dict[str, Any]:
        return {"llm_input_messages": state["messages"][-1:]}

    model = scripted("x")
    app = create_supervisor([], model=model, pre_model_hook=last_only, prompt="Be brief.").compile()

    given = {"messages": [HumanMessage("one"), HumanMessage("two")]}
    result = run(app, given)

    assert told(model.seen[0]) == [("system", None, "Be brief."), ("human", None, "two")]
    assert set(result) == {"messages"}
    assert len(result["messages"]) == 3


def test_what_a_hook_gives_lasts_for_one_turn(run: Run) -> None:
    """A hook that gives messages once does not blind the model for good."""

    def once(state: MessagesState) -> dict[str, Any]:
        return {"llm_input_messages": state["messages"][:1]} if len(state["messages"]) == 1 else {}

    model = scripted(ask("nobody"), "x")

    run(create_supervisor([], model=model, pre_model_hook=once).compile(), "hi")

    assert [len(seen) for seen in model.seen] == [1, 3]


class Shortened(MessagesState):
    """Keep what the model is to read, as a state of one's own may."""

    llm_input_messages: list[Any]


@pytest.mark.parametrize("schema", [None, Shortened], ids=["default", "own"])
@pytest.mark.parametrize(
    "read", [HumanMessage("x"), ("user", "x"), {"role": "user", "content": "x"}]
)
def test_what_a_hook_has_the_model_read(
    run: Run,
    schema: type[Any] | None,
    read: Any,  # noqa: ANN401 - a message in any form
) -> None:
    """In any form that a model takes, also where the state declares the key itself."""

    def hook(_state: MessagesState) -> dict[str, Any]:
        return {"llm_input_messages": [read]}

    model = scripted("done")
    app = create_supervisor(
        [],
        model=model,
        state_schema=schema,
        pre_model_hook=hook,
    ).compile()

    run(app, "hi")

    assert told(model.seen[0]) == [("human", None, "x")]


def test_without_a_hook_the_model_reads_the_history(run: Run) -> None:
    """A key of one's own state is one's own."""
    model = scripted("done")
    app = create_supervisor([], model=model, state_schema=Shortened).compile()

    run(app, {"messages": [HumanMessage("hi")], "llm_input_messages": [HumanMessage("x")]})

    assert told(model.seen[0]) == [("human", None, "hi")]


def test_a_hook_may_rewrite_the_history(office: Office, run: Run) -> None:
    """It runs before each turn of the supervisor, also after an agent's."""

    def trim(state: MessagesState) -> dict[str, Any]:
        return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), *state["messages"][-1:]]}

    model = scripted(ask("transfer_to_clerk"), "x")
    app = create_supervisor([office.agent("clerk")], model=model, pre_model_hook=trim).compile()

    result = run(app, {"messages": [HumanMessage("one"), HumanMessage("two")]})

    assert [len(seen) for seen in model.seen] == [1, 1]
    assert [message.type for message in result["messages"]] == ["tool", "ai"]


def test_a_hook_after_the_model_comes_before_what_it_asks_for(office: Office, run: Run) -> None:
    """The hook sees the message in the history; the hand-off happens afterwards."""
    seen: list[str] = []

    def watch(state: MessagesState) -> dict[str, Any]:
        seen.append(state["messages"][-1].type)
        return {}

    model = scripted(ask("transfer_to_a", "transfer_to_b"), "x")
    agents = [office.agent("a"), office.agent("b")]
    app = create_supervisor(agents, model=model, post_model_hook=watch).compile()

    messages = run(app, "help")["messages"]

    assert seen == ["ai", "ai"]
    assert len(office.views["a"]) == len(office.views["b"]) == 1
    assert len(messages) == 11
    check_valid(messages)


def test_a_hook_may_take_back_a_call(office: Office, run: Run) -> None:
    """What the hook leaves of the message is what happens."""

    def stop(state: MessagesState) -> dict[str, Any]:
        last = state["messages"][-1]
        return {"messages": [AIMessage("I may not", id=last.id, name="supervisor")]}

    model = scripted(ask("transfer_to_clerk"))
    app = create_supervisor([office.agent("clerk")], model=model, post_model_hook=stop).compile()

    messages = run(app, "help")["messages"]

    assert told(messages)[1:] == [("ai", "supervisor", "I may not")]
    assert office.views == {}


def test_a_hook_may_answer_a_call_itself(office: Office, run: Run) -> None:
    """A call that it has answered is not run; the others are."""

    def answer_first(state: MessagesState) -> dict[str, Any]:
        last = state["messages"][-1]
        calls = last.tool_calls if isinstance(last, AIMessage) else []
        return {"messages": [ToolMessage("no", tool_call_id=str(c["id"])) for c in calls[:1]]}

    model = scripted(ask("transfer_to_a", "transfer_to_b"), ask("transfer_to_a"), "x")
    agents = [office.agent("a"), office.agent("b")]
    app = create_supervisor(agents, model=model, post_model_hook=answer_first).compile()

    messages = run(app, "help")["messages"]

    assert (len(office.views["a"]), len(office.views["b"])) == (0, 1)
    assert len(model.seen) == 3
    check_valid(messages)


def test_a_hook_that_leaves_nothing_is_an_error(run: Run) -> None:
    """Nobody could say what is to happen."""

    def forget(_state: MessagesState) -> dict[str, Any]:
        return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES)]}

    app = create_supervisor([], model=scripted("x"), post_model_hook=forget).compile()

    with pytest.raises(ValueError, match="left no message of the model"):
        run(app, "hi")


def test_hidden_hand_offs_are_taken_out_after_a_hook(office: Office, run: Run) -> None:
    """The hook sees the call, the history does not keep it."""
    model = scripted(ask("transfer_to_clerk"), "x")
    app = create_supervisor(
        [office.agent("clerk")], model=model, post_model_hook=leave, add_handoff_messages=False
    ).compile()

    messages = run(app, "help")["messages"]

    assert [message.name for message in messages] == [None, "clerk", "supervisor"]
    assert told(office.views["clerk"][0]) == [("human", None, "help")]


def test_hooks_may_be_runnables(run: Run) -> None:
    """Whatever LangGraph takes for a node will do."""
    hook = RunnableLambda(leave)

    app = create_supervisor(
        [], model=scripted("x"), pre_model_hook=hook, post_model_hook=hook
    ).compile()

    assert run(app, "hi")["messages"][-1].text == "x"


def test_hooks_see_how_many_steps_are_left(run: Run) -> None:
    """Without a schema of one's own, too."""
    left: list[int] = []

    def count(state: Any) -> dict[str, Any]:  # noqa: ANN401 - the state, whatever its class
        left.append(state["remaining_steps"])
        return {}

    app = create_supervisor(
        [], model=scripted("x"), pre_model_hook=count, post_model_hook=count
    ).compile()

    run(app, "hi", {"recursion_limit": 9})

    assert len(left) == 2
    assert left[0] > left[1]


class Verdict(BaseModel):
    """Hold a verdict."""

    text: str


def test_the_structured_answer_is_in_the_output(run: Run) -> None:
    """Without a schema of one's own, too."""
    model = ShapingModel(replies=[AIMessage("done"), AIMessage("guilty")])

    result = run(create_supervisor([], model=model, response_format=Verdict).compile(), "hi")

    assert result["structured_response"] == Verdict(text="guilty")
    assert told(result["messages"])[-1] == ("ai", "supervisor", "done")


def test_the_structured_answer_may_have_a_prompt(office: Office, run: Run) -> None:
    """A pair of prompt and shape gives the model both."""
    model = ShapingModel(replies=[ask("transfer_to_clerk"), AIMessage("done"), AIMessage("guilty")])
    app = create_supervisor(
        [office.agent("clerk")], model=model, response_format=("Judge.", Verdict)
    ).compile()

    result = run(app, "hi")

    assert told(model.seen[2])[0] == ("system", None, "Judge.")
    assert result["structured_response"] == Verdict(text="guilty")


def test_a_hook_comes_before_the_structured_answer(run: Run) -> None:
    """Both may be asked for."""
    model = ShapingModel(replies=[AIMessage("done"), AIMessage("guilty")])
    app = create_supervisor(
        [], model=model, response_format=Verdict, post_model_hook=leave
    ).compile()

    assert run(app, "hi")["structured_response"] == Verdict(text="guilty")
