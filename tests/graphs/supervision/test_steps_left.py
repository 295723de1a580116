"""What a supervisor does where the run may take few more steps, or none."""

from typing import Annotated, Any

import pytest
from langchain_core.messages import AnyMessage
from langchain_core.tools import tool
from langgraph.errors import GraphRecursionError
from langgraph.graph.message import add_messages
from langgraph.managed import RemainingSteps
from tests.graphs.fakes import Office, Run, ask, check_valid, scripted, told
from typing_extensions import TypedDict

from bailiwick.graphs import create_forward_message_tool, create_supervisor


class Counted(TypedDict):
    """Count the steps."""

    messages: Annotated[list[AnyMessage], add_messages]
    remaining_steps: RemainingSteps


@pytest.mark.parametrize("schema", [None, Counted])
@pytest.mark.parametrize("limit", [4, 5])
def test_a_call_without_steps_left_is_given_up(
    run: Run, limit: int, schema: type[Any] | None
) -> None:
    """An apology in place of an error; a prompt can tell the model before."""
    left: list[int] = []

    def prompt(state: Counted) -> list[AnyMessage]:
        left.append(state["remaining_steps"])
        return state["messages"]

    @tool
    def look() -> str:
        """Look."""
        return "seen"

    model = scripted(*(ask("look") for _ in range(9)))
    app = create_supervisor(
        [], model=model, tools=[look], prompt=prompt, state_schema=schema
    ).compile()

    messages = run(app, "hi", {"recursion_limit": limit})["messages"]

    assert told(messages)[-1][2] == "Sorry, need more steps to process this request."
    assert left == sorted(left, reverse=True)
    check_valid(messages)


def test_hand_offs_without_end_are_an_error(office: Office, run: Run) -> None:
    """As in every graph that goes in circles: an apology would pass for an answer."""
    model = scripted(*(ask("transfer_to_clerk") for _ in range(9)))
    app = create_supervisor([office.agent("clerk")], model=model).compile()

    with pytest.raises(GraphRecursionError):
        run(app, "hi", {"recursion_limit": 6})


def test_forwarding_needs_no_steps_that_are_left(office: Office, run: Run) -> None:
    """It ends the run."""
    forwarding = ask(("forward_message", {"from_agent": "clerk"}))
    model = scripted(ask("transfer_to_clerk"), forwarding)
    app = create_supervisor(
        [office.agent("clerk")], model=model, tools=[create_forward_message_tool()]
    ).compile()

    messages = run(app, "hi", {"recursion_limit": 4})["messages"]

    assert told(messages)[-1] == ("ai", "supervisor", "clerk is done")
