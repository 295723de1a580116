"""States that are pydantic models or dataclasses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.func import entrypoint
from langgraph.graph.message import add_messages
from langgraph.prebuilt import InjectedState, ToolRuntime
from langgraph.types import Command
from pydantic import BaseModel
from tests.graphs.fakes import Office, Run, ask, check_valid, scripted, told

from bailiwick.graphs import create_supervisor
from bailiwick.graphs.handoff import METADATA_KEY_HANDOFF_DESTINATION


class Model(BaseModel):
    """Hold messages, and a person who has a name by default."""

    messages: Annotated[list[AnyMessage], add_messages]
    user: str = "bob"


@dataclass(frozen=True, slots=True)
class Record:
    """Hold the same in a dataclass without a dictionary."""

    messages: Annotated[list[AnyMessage], add_messages] = field(default_factory=list)
    user: str = "bob"


SCHEMAS = pytest.mark.parametrize("schema", [Model, Record])


@tool
def by_state(state: Annotated[Model | Record, InjectedState]) -> str:
    """Tell the person's name from the state."""
    return str(state.user)


@tool
def by_field(user: Annotated[str, InjectedState("user")]) -> str:
    """Tell the person's name from a field of the state."""
    return user


@tool
def by_runtime(runtime: ToolRuntime[Any, Any]) -> str:
    """Tell the person's name from the runtime."""
    return str(runtime.state.user)


@SCHEMAS
@pytest.mark.parametrize("name", ["by_state", "by_field", "by_runtime"])
def test_own_tools_are_given_the_state_as_it_is(run: Run, schema: type[Any], name: str) -> None:
    """Of its class, with its defaults."""
    app = create_supervisor(
        [],
        model=scripted(ask(name), "x"),
        tools=[by_state, by_field, by_runtime],
        state_schema=schema,
    ).compile()

    assert run(app, "hi")["messages"][2].text == "bob"


def leave(_state: object) -> dict[str, Any]:
    """Change nothing."""
    return {}


def last(state: Any) -> dict[str, Any]:  # noqa: ANN401 - the state, whatever its class
    """Have the model read the last message."""
    return {"llm_input_messages": state.messages[-1:]}


def greet(state: Any) -> list[AnyMessage]:  # noqa: ANN401 - the state, whatever its class
    """Have the model read the person's name first."""
    return [SystemMessage(state.user), *state.messages]


@SCHEMAS
@pytest.mark.parametrize("hook", [None, leave, last])
def test_a_prompt_function_is_given_the_state_as_it_is(
    run: Run, schema: type[Any], hook: Callable[..., Any] | None
) -> None:
    """Its messages are those that the model is to read."""
    model = scripted("x")
    app = create_supervisor(
        [],
        model=model,
        prompt=greet,
        state_schema=schema,
        pre_model_hook=hook,
    ).compile()

    result = run(app, {"messages": [HumanMessage("one"), HumanMessage("two")], "user": "eve"})

    read = [("human", None, "one"), ("human", None, "two")][1 if hook is last else 0 :]
    assert told(model.seen[0]) == [("system", None, "eve"), *read]
    assert len(result["messages"]) == 3


@SCHEMAS
@pytest.mark.parametrize("hook", [None, leave])
def test_a_custom_hand_off_tool_is_given_the_state_as_it_is(
    office: Office, run: Run, schema: type[Any], hook: Callable[..., Any] | None
) -> None:
    """With the supervisor's message as the last one."""

    @tool
    def brief(
        state: Annotated[Model | Record, InjectedState],
        tool_call_id: Annotated[str, InjectedToolCallId],
    ) -> Command[str]:
        """Hand over."""
        last_said = state.messages[-1]
        assert isinstance(last_said, AIMessage)
        assert last_said.tool_calls[0]["id"] == tool_call_id
        done = ToolMessage(f"for {state.user}", tool_call_id=tool_call_id)
        update = {"messages": [*state.messages, done], "user": "eve"}
        return Command(goto="a", graph=Command.PARENT, update=update)

    brief.metadata = {METADATA_KEY_HANDOFF_DESTINATION: "a"}
    app = create_supervisor(
        [office.agent("a")],
        model=scripted(ask("brief"), "x"),
        tools=[brief],
        state_schema=schema,
        post_model_hook=hook,
    ).compile()

    result = run(app, "help")

    assert [message.text for message in result["messages"]][2:4] == ["for bob", "a is done"]
    assert result["user"] == "eve"
    check_valid(result["messages"])


@SCHEMAS
def test_a_functional_workflow_is_given_the_state_as_it_is(run: Run, schema: type[Any]) -> None:
    """Its messages are the agent's view."""

    @entrypoint()
    def clerk(state: Any) -> dict[str, Any]:  # noqa: ANN401 - the state, whatever its class
        return {"messages": [AIMessage(f"{state.user}: {state.messages[-1].text}")]}

    clerk.name = "clerk"
    model = scripted(ask(("transfer_to_clerk", {"task": "count"})), "x")
    app = create_supervisor([clerk], model=model, state_schema=schema).compile()

    assert "bob: count" in [message.text for message in run(app, "help")["messages"]]


@SCHEMAS
def test_agents_side_by_side_work_on_such_a_state(
    office: Office, run: Run, schema: type[Any]
) -> None:
    """Each is handed its own view."""
    wanted = ask("transfer_to_a", ("transfer_to_b", {"task": "count"}))
    agents = [office.agent("a"), office.agent("b")]
    app = create_supervisor(agents, model=scripted(wanted, "x"), state_schema=schema).compile()

    messages = run(app, "help")["messages"]

    assert told(office.views["b"][0])[-1] == ("human", "supervisor", "count")
    check_valid(messages)
