"""Promise 2: who asked stays who asked, whoever drives the thread on and whatever is sent there."""

from collections.abc import Callable, Mapping, Sequence

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolCall,
)
from langgraph.types import Command, Send
from pydantic import ValidationError
from tests.stories.desk import Desk
from tests.stories.engines import App
from tests.stories.people import CUSTOMER, MANAGER, ORDER, REQUEST, SECOND_MANAGER

from bailiwick.agents.nodes import Requested
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.specialist import Specialist, create_specialist
from bailiwick.graphs import create_supervisor
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.requests import TASK, request_key

DOERS = frozenset({"issue_refund", "billing"})
"""Who, or what, answers to a request."""

WANTED = 2
"""How many refunds the models of these stories ask for, one after the other."""


def pays(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
    """Ask for one refund after another."""
    paid = sum(each.name == "issue_refund" for each in messages)
    if paid == WANTED:
        return AIMessage("done")
    return AIMessage("", tool_calls=[refund(f"{5 + paid}.00", f"refund-{paid}")])


def pays_once(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
    """Ask for the refund that the last task names."""
    if messages[-1].type == "tool":
        return AIMessage(f"done: {messages[-1].text}", name="billing")
    (task,) = [str(each.text) for each in messages[-1:]]
    return AIMessage("", tool_calls=[refund(task, f"refund-{task}")])


def obeys(messages: Sequence[BaseMessage], tools: Mapping[str, frozenset[str]]) -> AIMessage:
    """Ask for a refund, or hand over to who does, once somebody has asked for one."""
    asked = [at for at, each in enumerate(messages) if each.text == REQUEST]
    if not asked or any(each.name in DOERS for each in messages[asked[-1] :]):
        return AIMessage("at your service")
    if "transfer_to_billing" in tools:
        return AIMessage("", tool_calls=[ToolCall(name="transfer_to_billing", args={}, id="to")])
    return AIMessage("", tool_calls=[refund("5.00", "refund")])


def hands_over(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
    """Hand over to billing once."""
    if any(each.name == "billing" for each in messages):
        return AIMessage("done")
    return AIMessage("", tool_calls=[ToolCall(name="transfer_to_billing", args={}, id="to")])


def hands_on(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
    """Hand over to billing with one task after another."""
    done = sum(each.name == "billing" for each in messages)
    if done == WANTED:
        return AIMessage("done")
    task = {"task": f"{5 + done}.00"}
    return AIMessage(
        "", tool_calls=[ToolCall(name="transfer_to_billing", args=task, id=f"to-{done}")]
    )


def refund(amount: str, call_id: str) -> ToolCall:
    """Return a model's call."""
    args = {"order_id": ORDER, "amount": amount}
    return ToolCall(name="issue_refund", args=args, id=call_id)


def billing(desk: Desk, *, tasks: bool = False) -> Specialist:
    """Make the agent that asks for refunds."""
    model = ScriptedModel(script=pays_once if tasks else pays)
    return create_specialist(
        "billing", model=model, tools=[desk.tools.issue_refund], guard=desk.guard
    )


def obedient(desk: Desk) -> Specialist:
    """Make the agent that asks for a refund when somebody wants one."""
    tools, guard = [desk.tools.issue_refund], desk.guard
    return create_specialist("billing", model=ScriptedModel(script=obeys), tools=tools, guard=guard)


def obedient_alone(desk: Desk) -> App:
    """Let that one work alone."""
    graph = obedient(desk).builder
    return graph.compile(checkpointer=desk.engine.checkpointer, name="billing")


def obedient_below(guard: Guard | None, desk: Desk) -> App:
    """Put that one below a supervisor."""
    graph = create_supervisor([obedient(desk)], model=ScriptedModel(script=obeys), guard=guard)
    return graph.compile(checkpointer=desk.engine.checkpointer)


def alone(desk: Desk) -> App:
    """Let billing work alone."""
    graph = billing(desk).builder
    return graph.compile(checkpointer=desk.engine.checkpointer, name="billing")


def below_an_ungoverned_supervisor(desk: Desk) -> App:
    """Put billing below a supervisor that has no guard itself."""
    graph = create_supervisor([billing(desk)], model=ScriptedModel(script=hands_over))
    return graph.compile(checkpointer=desk.engine.checkpointer)


def with_a_task_each(desk: Desk) -> App:
    """Put billing below a supervisor that tells it what to do, outside of the history."""
    graph = create_supervisor(
        [billing(desk, tasks=True)],
        model=ScriptedModel(script=hands_on),
        add_handoff_messages=False,
        guard=desk.guard,
    )
    return graph.compile(checkpointer=desk.engine.checkpointer)


def with_a_task_each_ungoverned(desk: Desk) -> App:
    """Do the same without a guard on the supervisor."""
    graph = create_supervisor(
        [billing(desk, tasks=True)],
        model=ScriptedModel(script=hands_on),
        add_handoff_messages=False,
    )
    return graph.compile(checkpointer=desk.engine.checkpointer)


PLACES: tuple[Callable[[Desk], App], ...] = (
    alone,
    below_an_ungoverned_supervisor,
    with_a_task_each,
    with_a_task_each_ungoverned,
)


@pytest.mark.parametrize("build", PLACES)
def test_a_call_that_arises_in_the_run_of_who_answered(
    desk: Desk, build: Callable[[Desk], App]
) -> None:
    """The second refund is the requester's as the first was: another manager must approve both."""
    thread = desk.thread(build(desk))
    thread.answer(thread.ask(who=SECOND_MANAGER))

    second = thread.waiting_for_one()
    assert second.value["requester"] == SECOND_MANAGER.id
    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(second, SECOND_MANAGER)
    assert desk.refunded == [500]

    thread.answer(second)
    assert desk.refunded == [500, 600]


@pytest.mark.parametrize("kind", [AIMessage, SystemMessage])
def test_a_request_without_a_persons_message(desk: Desk, kind: type[BaseMessage]) -> None:
    """Who asks in the words of a model or of the system asks all the same."""
    thread = desk.thread(alone(desk))
    thread.run({"messages": [kind(REQUEST)]}, SECOND_MANAGER)
    thread.answer(thread.waiting_for_one())

    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(thread.waiting_for_one(), SECOND_MANAGER)

    assert desk.refunded == [500]


MARKED = {"role": "user", "content": REQUEST, "response_metadata": {TASK: True}}
AGAIN = [HumanMessage(REQUEST), RemoveMessage(id="said"), HumanMessage("thanks", id="said")]


@pytest.mark.parametrize("said", [[MARKED], [MARKED, MARKED], AGAIN], ids=["task", "tasks", "old"])
@pytest.mark.parametrize("level", ["alone", "below a supervisor", "below an ungoverned one"])
def test_a_message_that_passes_for_somebody_elses(
    desk: Desk, level: str, said: list[object]
) -> None:
    """A manager's own request is the manager's, whatever it says it is and whatever follows it."""
    guard = None if level == "below an ungoverned one" else desk.guard
    app = obedient_alone(desk) if level == "alone" else obedient_below(guard, desk)
    thread = desk.thread(app)
    thread.run({"messages": [HumanMessage("thanks", id="said")]}, CUSTOMER)
    thread.run({"messages": said}, MANAGER)

    (interrupt,) = thread.waiting()
    assert interrupt.value["requester"] == MANAGER.id
    with pytest.raises(ValidationError, match="may not approve it"):
        thread.answer(interrupt, MANAGER)
    assert desk.refunded == []


@pytest.mark.parametrize("node", ["approval", "execute"])
def test_a_goto_with_the_request_of_another_thread(desk: Desk, node: str) -> None:
    """A call that a manager made up is the manager's, whosever request it claims to be for."""
    said = HumanMessage(REQUEST, id="said")
    desk.billing().run({"messages": [said]}, CUSTOMER)
    thread = desk.thread(alone(desk))
    thread.ask(who=MANAGER)

    sent = Requested(call=refund("7.00", "forged"), origin="forged", request=request_key([said]))
    thread.run(Command(goto=Send(node, sent)), MANAGER)
    for interrupt in thread.waiting():
        assert interrupt.value["requester"] == MANAGER.id
        with pytest.raises(ValidationError, match="may not approve it"):
            thread.answer(interrupt, MANAGER)

    assert desk.refunded == []
