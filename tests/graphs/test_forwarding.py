"""How a supervisor answers with an agent's own words."""

from typing import Any

from langchain_core.messages import AIMessage
from langgraph.graph import MessagesState
from pydantic import BaseModel
from tests.graphs.fakes import Office, Run, ShapingModel, ask, check_valid, scripted, told

from bailiwick.graphs import create_forward_message_tool, create_supervisor

FORWARD = ("forward_message", {"from_agent": "Clerk"})


def test_nothing_to_forward_is_told_to_the_model(run: Run) -> None:
    """The supervisor goes on, and reads who has said anything."""
    model = scripted(ask(FORWARD), "x")
    app = create_supervisor([], model=model, tools=[create_forward_message_tool()]).compile()

    messages = run(app, "hi")["messages"]

    assert told(messages)[2][2].startswith("Could not find message from source agent Clerk.")
    assert messages[-1].text == "x"
    check_valid(messages)


def test_the_agents_latest_message_becomes_the_answer(office: Office, run: Run) -> None:
    """The call is not kept, the message of the way back is not taken for an answer, case is."""
    model = scripted(ask("transfer_to_clerk"), ask(FORWARD))
    tools = [create_forward_message_tool("desk")]
    app = create_supervisor(
        [office.agent("clerk")], model=model, tools=tools, supervisor_name="desk"
    ).compile()

    messages = run(app, "help")["messages"]

    assert told(messages)[-1] == ("ai", "desk", "clerk is done")
    assert len(messages) == 7
    assert messages[-1].id not in {message.id for message in messages[:-1]}
    check_valid(messages)


def test_forwarding_beside_another_call_is_refused(office: Office, run: Run) -> None:
    """The other call runs; the model reads why nothing was forwarded."""
    model = scripted(ask("transfer_to_clerk"), ask(FORWARD, "transfer_to_clerk"), "x")
    tools = [create_forward_message_tool()]
    app = create_supervisor([office.agent("clerk")], model=model, tools=tools).compile()

    messages = run(app, "help")["messages"]

    (refused,) = [m for m in messages if m.name == "forward_message"]
    assert (refused.status, "alone" in refused.text) == ("error", True)
    assert len(office.views["clerk"]) == 2
    check_valid(messages)


def test_a_forwarded_message_is_not_kept_from_a_hook(office: Office, run: Run) -> None:
    """Where a hook has seen the call in the history, the call is taken out again."""
    model = scripted(ask("transfer_to_clerk"), ask(FORWARD))
    app = create_supervisor(
        [office.agent("clerk")],
        model=model,
        tools=[create_forward_message_tool()],
        post_model_hook=leave,
    ).compile()

    messages = run(app, "help")["messages"]

    assert told(messages)[-1] == ("ai", "supervisor", "clerk is done")
    assert len(messages) == 7


def leave(_state: MessagesState) -> dict[str, Any]:
    """Change nothing."""
    return {}


class Verdict(BaseModel):
    """Hold a verdict."""

    text: str


def test_a_forwarded_answer_is_structured_too(office: Office, run: Run) -> None:
    """A run that promises a structured answer gives one however it ends."""
    model = ShapingModel(replies=[ask("transfer_to_clerk"), ask(FORWARD), AIMessage("verdict")])
    app = create_supervisor(
        [office.agent("clerk")],
        model=model,
        tools=[create_forward_message_tool()],
        response_format=Verdict,
    ).compile()

    assert run(app, "help")["structured_response"] == Verdict(text="verdict")
