"""Who reads a run's updates finds messages in each, if only none."""

from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import MessagesState
from langgraph.types import Command
from pydantic import BaseModel
from tests.graphs.fakes import Office, ShapingModel, ask

from bailiwick.graphs import create_supervisor
from bailiwick.graphs.handoff import METADATA_KEY_HANDOFF_DESTINATION


class Verdict(BaseModel):
    """Hold a verdict."""

    text: str


@tool
def assign(tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[str]:
    """Hand over."""
    done = ToolMessage("handed over", tool_call_id=tool_call_id)
    return Command(goto="clerk", graph=Command.PARENT, update={"messages": [done]})


assign.metadata = {METADATA_KEY_HANDOFF_DESTINATION: "clerk"}


def leave(_state: MessagesState) -> dict[str, Any]:
    """Change nothing."""
    return {}


def order(_state: MessagesState) -> Command[str]:
    """Change nothing, by command."""
    return Command()


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"add_handoff_messages": False}, id="hidden hand-offs"),
        pytest.param({"tools": [assign]}, id="a hand-off tool of others"),
        pytest.param({"post_model_hook": leave}, id="a hook"),
        pytest.param({"post_model_hook": order}, id="a hook with a command"),
        pytest.param({"pre_model_hook": leave}, id="a hook before the model"),
        pytest.param({"response_format": Verdict}, id="a structured answer"),
    ],
)
def test_every_update_holds_messages(office: Office, asked: dict[str, Any]) -> None:
    """As langgraph-supervisor's do, so that nobody's loop over them breaks off."""
    handing = "assign" if "tools" in asked else "transfer_to_clerk"
    model = ShapingModel(replies=[ask(handing), AIMessage("done"), AIMessage("guilty")])
    app = create_supervisor([office.agent("clerk")], model=model, **asked).compile()

    updates = list(app.stream({"messages": [HumanMessage("hi")]}, stream_mode="updates"))

    assert all("messages" in value for update in updates for value in update.values())
