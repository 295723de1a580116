"""The questions of a specialist: what waits for people, how their answers count, what ends them."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal

from langchain_core.messages import (
    HumanMessage,
)
from langgraph.types import Command
from tests.agents.specialist.thinkers import PAY, Paid, answers, kept, open_questions, pays
from tests.driven import Drive
from tests.tools.governed import load_policy

from bailiwick.agents import create_specialist
from bailiwick.policies import Principal
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger


def test_only_what_needs_a_person_waits(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The others have run by then, and do not run again when the answers come."""
    thinker = pays("40", "140", "150", "900")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)

    assert set(open_questions(graph)) == {"140", "150"}
    assert paid == [("shop", Decimal(40))]
    drive.answer(graph, open_questions(graph)["150"], type="approve")
    assert set(open_questions(graph)) == {"140"}
    messages = drive.answer(graph, open_questions(graph)["140"], type="reject")["messages"]

    assert sorted(amount for _, amount in paid) == [Decimal(40), Decimal(150)]
    assert sorted(answers(messages)) == [
        "paid 150 to shop",
        "paid 40 to shop",
        "pay did not run. Forbidden: it is too much (too-much).",
        "pay did not run. manager rejected it.",
    ]


def test_the_model_waits_for_every_answer(guard: Guard, pay: ScopedTool, drive: Drive) -> None:
    """A history with a call left open is refused by model providers."""
    thinker = pays("40", "140", "150")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    while questions := open_questions(graph):
        assert len(thinker.shown) == 1
        drive.answer(graph, next(iter(questions.values())), type="approve")

    assert len(thinker.shown) == 2
    assert [each.type for each in thinker.shown[-1]] == ["human", "ai", "tool", "tool", "tool"]


def test_several_approvers_are_asked_in_turn(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The node asks again until all that is required was given."""
    thinker = pays("240")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    for number in range(2):
        auditor = Principal(id=f"auditor-{number}", roles=frozenset({"auditor"}))
        (question,) = open_questions(graph).values()
        given = {"action_digest": question.value["action_digest"], "type": "approve"}
        drive(graph, Command(resume={question.id: given}), auditor)
        assert paid == []
    (question,) = open_questions(graph).values()
    drive.answer(graph, question, type="approve")

    assert paid == [("shop", Decimal(240))]


def test_an_edited_call_runs_as_edited(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The model's message stays as it was; the note says what was changed."""
    graph = kept(create_specialist("billing", model=pays("140").model, tools=[pay], guard=guard))
    drive(graph, PAY)
    (question,) = open_questions(graph).values()
    action = {"name": "pay", "args": {"to": "shop", "amount": "110"}}
    messages = drive.answer(graph, question, type="edit", edited_action=action)["messages"]

    assert paid == [("shop", Decimal(110))]
    assert messages[1].tool_calls[0]["args"] == {"to": "shop", "amount": "140"}
    note, outcome = answers(messages)[0].splitlines()
    assert note == (
        'manager changed the arguments to {"to": "shop", "amount": "110"} before this ran.'
    )
    assert outcome == "paid 110 to shop"


def test_a_response_stands_in_the_tools_place(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The model reads it as the tool's answer."""
    graph = kept(create_specialist("billing", model=pays("140").model, tools=[pay], guard=guard))
    drive(graph, PAY)
    (question,) = open_questions(graph).values()
    messages = drive.answer(graph, question, type="respond", message="by hand")["messages"]

    assert (answers(messages), paid) == (["by hand"], [])


def test_without_a_checkpointer_nobody_is_waited_for(
    guard: Guard, pay: ScopedTool, paid: Paid
) -> None:
    """The call is refused, and the conversation goes on."""
    graph = create_specialist("billing", model=pays("140").model, tools=[pay], guard=guard)
    messages = graph.invoke(PAY)["messages"]

    assert "cannot wait for one" in answers(messages)[0]
    assert (messages[-1].text, paid) == ("done", [])


def test_a_new_message_cancels_what_waits(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The calls get an answer that says so, the question is withdrawn, a late answer is nothing."""
    thinker = pays("140")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    (question,) = open_questions(graph).values()
    messages = drive(graph, {"messages": [HumanMessage("stop", id="h-2")]})["messages"]

    assert [each.type for each in messages] == ["human", "ai", "tool", "human", "ai"]
    assert [each.text for each in thinker.shown[-1]] == [each.text for each in messages[:-1]]
    assert answers(messages) == [
        "pay did not run. It was cancelled: the conversation went on without it."
    ]
    assert [each.state for each in guard.approvals.list()] == ["cancelled"]
    drive.answer(graph, question, type="approve")
    assert paid == []


def test_a_new_message_does_not_cancel_what_has_run(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """LangGraph drops the results beside an interrupt; the record still has them."""
    thinker = pays("40", "140")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    messages = drive(graph, {"messages": [HumanMessage("stop", id="h-2")]})["messages"]

    assert paid == [("shop", Decimal(40))]
    assert answers(messages) == [
        "paid 40 to shop",
        "pay did not run. It was cancelled: the conversation went on without it.",
    ]


def test_the_conversation_goes_on_after_a_cancelled_call(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """The same wish is another call, to be asked about anew."""
    thinker = pays("140")
    graph = kept(create_specialist("billing", model=thinker.model, tools=[pay], guard=guard))
    drive(graph, PAY)
    drive(graph, {"messages": [HumanMessage("again", id="h-2")]})
    (question,) = open_questions(graph).values()
    drive.answer(graph, question, type="approve")

    assert [each.state for each in guard.approvals.list()] == ["cancelled", "consumed"]
    assert paid == [("shop", Decimal(140))]


async def test_slow_tools_hold_up_no_question(pay: ScopedTool, sqlite_url: str) -> None:
    """It is asked at once, though tools that block hold every thread of asyncio's."""
    go_on = threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    slow = asyncio.create_task(asyncio.to_thread(go_on.wait))
    with closing(Ledger(sqlite_url)) as ledger:
        guard = Guard(policy=load_policy(), ledger=ledger)
        graph = kept(
            create_specialist("billing", model=pays("140").model, tools=[pay], guard=guard)
        )
        try:
            run = graph.ainvoke(PAY, {"configurable": {"thread_id": "t"}})
            asked = await asyncio.wait_for(run, 10)
        finally:
            go_on.set()
            await slow

        assert [each.value["args"]["amount"] for each in asked["__interrupt__"]] == ["140"]
        assert len(list(guard.approvals.pending())) == 1
