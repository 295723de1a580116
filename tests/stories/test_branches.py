"""Promise 4: a thread that is run twice from one point changes something unasked once.

LangGraph lets anybody run a thread again from any checkpoint, and two engines run it at once. The
model is called anew then, and what it wants is another call to all appearances.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall
from langgraph.checkpoint.base import id as ids
from tests.stories.desk import Desk, Thread
from tests.stories.leasing import REFUND
from tests.stories.people import CLERK, CUSTOMER, MANAGER, ORDER, REQUEST
from tests.stories.rules import WHOLE_GATE, changed_policy
from tests.stories.scripts import asks

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.policies import Policy
from bailiwick.tools import Guard
from bailiwick.tools.saved import SKEW

ASKED = {"messages": [HumanMessage(REQUEST, id="first")]}
WANTED = ("5.00", "6.00")
AGAIN = {"messages": [HumanMessage(REQUEST, id="second")]}


@pytest.fixture
def ungated(tmp_path: Path) -> Policy:
    """Give rules by which nobody is asked about a refund."""
    return changed_policy(tmp_path, (WHOLE_GATE, ""))


@pytest.fixture(params=["the desk", "billing alone", "an agent of others"])
def thread(request: pytest.FixtureRequest, desk: Desk, ungated: Policy) -> Thread:
    """Give a new thread of each kind of graph, in which nobody is asked about a refund."""
    if request.param == "the desk":
        return desk.thread(desk.deploy(policy=ungated))
    if request.param == "billing alone":
        return desk.billing(ungated)
    return foreign(desk, ungated)


def foreign(desk: Desk, policy: Policy) -> Thread:
    """Return a new thread of LangChain's agent with the refund bound to the guard."""
    guard = Guard(policy=policy, ledger=desk.guard.ledger, vault=desk.guard.vault)
    tools = guard.bind([desk.tools.issue_refund], agent="billing")
    model = ScriptedModel(script=asks(REFUND))
    app: Any = create_agent(model, tools, checkpointer=desk.engine.checkpointer)
    return desk.thread(app)


def test_run_again_from_each_checkpoint(desk: Desk, thread: Thread) -> None:
    """Whoever does it."""
    thread.run(ASKED)
    assert desk.refunded == [500]

    for config, who in zip(thread.configs(), cycle((CUSTOMER, CLERK, MANAGER)), strict=False):
        thread.run(None, who, config)

    assert desk.refunded == [500]


class Clock:
    """Tell the time to LangGraph, which makes checkpoints' ids of it."""

    behind = 0

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return time.time_ns() - self.behind


def test_a_worker_whose_clock_is_behind(
    desk: Desk, ungated: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It carries the thread on, and what the model wants next is no branch."""
    clock = Clock()
    monkeypatch.setattr(ids, "time", clock)

    def pays(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
        done = sum(each.type == "tool" for each in messages)
        if done:
            clock.behind = int(SKEW * 1e9) // 2
            monkeypatch.setattr(ids, "_last_v6_timestamp", None)
        if done == len(WANTED):
            return AIMessage("done")
        args = {"order_id": ORDER, "amount": WANTED[done]}
        return AIMessage("", tool_calls=[ToolCall(name="issue_refund", args=args, id=str(done))])

    app = desk.specialist(pays, desk.tools.issue_refund, policy=ungated)
    desk.thread(app).run(ASKED)

    assert desk.refunded == [500, 600]


def test_written_into_the_thread_as_if_the_model_had(desk: Desk, ungated: Policy) -> None:
    """With another amount, from where the model had asked."""
    thread = foreign(desk, ungated)
    thread.run(ASKED)
    (asked,) = [
        each for each in desk.engine.history(thread.app, thread.config) if each.next == ("tools",)
    ]
    message = asked.values["messages"][-1].model_copy(deep=True)
    message.tool_calls[0]["args"]["amount"] = "4.00"
    written = desk.engine.update(thread.app, asked.config, {"messages": [message]}, "model")
    thread.run(None, CUSTOMER, written)

    assert desk.refunded == [500]
    assert "went on from an earlier point" in thread.said()


def test_two_engines_at_once(desk: Desk, ungated: Policy) -> None:
    """From the same checkpoint, before the model has said anything."""
    builder = desk.billing(ungated).app.builder
    checkpointer = desk.engine.checkpointer
    thread = desk.thread(builder.compile(checkpointer=checkpointer, interrupt_before=["model"]))
    thread.run(ASKED)
    whole = thread.under(builder.compile(checkpointer=checkpointer))

    outcomes = whole.run_together(*(whole.as_run(None) for _ in range(8)))

    assert desk.refunded == [500]
    assert all(isinstance(outcome, dict) for outcome in outcomes)


def test_the_next_request_is_another_one(desk: Desk, ungated: Policy) -> None:
    """A thread goes on, and may ask for the same again."""
    thread = desk.thread(desk.deploy(policy=ungated))
    thread.run(ASKED)
    thread.run(AGAIN)

    assert desk.refunded == [500, 500]


def test_another_request_from_the_same_point(desk: Desk, thread: Thread) -> None:
    """Who changes what was asked, and sends it again from before, has asked for something else."""
    thread.run(ASKED)
    (first, *_) = [
        each.config
        for each in desk.engine.history(thread.app, thread.config)
        if not each.values.get("messages")
    ]
    thread.run(AGAIN, CUSTOMER, first)

    assert desk.refunded == [500, 500]


def test_what_is_approved_on_each_branch_is_run_on_each(desk: Desk) -> None:
    """Whoever approves a second time is asked, and answers for it."""
    thread = desk.billing()
    thread.answer(thread.ask())
    (before,) = [
        each.config
        for each in desk.engine.history(thread.app, thread.config)
        if each.next == ("model",) and each.metadata and each.metadata.get("step") == 0
    ]
    thread.run(None, CUSTOMER, before)
    assert desk.refunded == [500]
    thread.answer(thread.waiting_for_one())

    assert desk.refunded == [500, 500]
