"""Promise 2: allowed, denied and asked calls of one turn do not disturb each other."""

import asyncio
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command
from tests.stories.answers import decision
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk, Thread
from tests.stories.engines import AsyncEngine
from tests.stories.people import CUSTOMER, MANAGER, ORDER, REQUEST
from tests.stories.rules import changed_policy
from tests.stories.scripts import asks
from tests.waiting import wait_for

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.devvault.faults import Fault

MAY_LOOK_UP = (
    '@id("orders-may-look-up")\npermit (\n    principal == Agent::"orders"',
    '@id("orders-may-look-up")\npermit (\n    principal == Agent::"billing"',
)
WANTED = (
    ("issue_refund", {"order_id": ORDER, "amount": "5.00"}),
    ("look_up_order", {"order_id": ORDER}),
    ("issue_refund", {"order_id": ORDER, "amount": "900.00"}),
    ("issue_refund", {"order_id": ORDER, "amount": "6.00"}),
    ("erase_order", {"order_id": ORDER}),
)


class Turn:
    """Ask for several calls in one turn, and count what happens.

    Attributes:
        counted: How often the model was called, and how often the free tool ran.
        read: The results that the model read when it was called again.
    """

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.read: list[str] = []

    def script(self, messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
        """Say the model's next message."""
        self.counted["model"] += 1
        self.read = [str(each.text) for each in messages if isinstance(each, ToolMessage)]
        if self.read:
            return AIMessage("Done.")
        calls = [ToolCall(name=name, args=args, id=None) for name, args in WANTED]
        return AIMessage("", tool_calls=calls)

    def tool(self) -> ScopedTool:
        """Return the free tool, which counts its runs."""

        @scoped_tool(effect="write")
        def look_up_order(order_id: str) -> str:
            """Look an order up."""
            self.counted["tool"] += 1
            return f"{order_id} is there."

        return look_up_order


@pytest.fixture
def turn() -> Turn:
    """Give a turn that nobody has taken yet."""
    return Turn()


@pytest.fixture
def thread(desk: Desk, turn: Turn, tmp_path: Path) -> Thread:
    """Give a thread in which billing has asked for everything at once."""
    app = desk.specialist(
        turn.script,
        desk.tools.issue_refund,
        turn.tool(),
        policy=changed_policy(tmp_path, MAY_LOOK_UP),
    )
    thread = desk.thread(app)
    thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)
    return thread


def test_only_what_needs_a_person_waits(thread: Thread, turn: Turn, desk: Desk) -> None:
    """The allowed call has run, the denied ones are answered, the model is not called yet."""
    assert [each.value["args"]["amount"] for each in thread.waiting()] in (["5", "6"], ["6", "5"])
    assert turn.counted == {"model": 1, "tool": 1}
    assert desk.refunded == []
    assert len(thread.denials()) == 2


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_every_call_is_answered_once(
    thread: Thread, turn: Turn, desk: Desk, *, at_once: bool
) -> None:
    """However the answers come: nothing runs twice, and the model reads all results at once."""
    kinds = {"5": "approve", "6": "reject"}
    answers = {
        each.id: decision(each, kinds[each.value["args"]["amount"]]) for each in thread.waiting()
    }

    for some in [answers] if at_once else [{key: value} for key, value in answers.items()]:
        thread.run(Command(resume=some), MANAGER)

    assert turn.counted == {"model": 2, "tool": 1}
    assert desk.refunded == [500]
    assert len(turn.read) == len(WANTED)
    assert thread.is_done()


def test_what_was_approved_waits_for_no_sibling(
    thread: Thread, turn: Turn, desk: Desk, place: Place
) -> None:
    """It runs at once; that nobody answers about the other in time takes nothing back."""
    (small,) = [each for each in thread.waiting() if each.value["args"]["amount"] == "5"]
    thread.answer(small)

    assert desk.refunded == [500]
    assert turn.counted == {"model": 1, "tool": 1}
    assert [each.value["args"]["amount"] for each in thread.waiting()] == ["6"]

    execute(place.ledger, "UPDATE approvals SET expires_at = 0")
    thread.run(None, CUSTOMER)
    assert desk.refunded == [500]
    assert turn.counted == {"model": 2, "tool": 1}
    assert len(turn.read) == len(WANTED)
    assert any("Nobody answered in time" in each for each in turn.read)
    assert thread.is_done()


def test_runs_between_the_answers_disturb_nothing(thread: Thread, turn: Turn, desk: Desk) -> None:
    """Whoever runs the thread on while it waits makes nothing run again."""
    for _ in range(3):
        for each in thread.waiting()[:1]:
            thread.run(None, CUSTOMER)
            thread.answer(each)
            thread.run(None, MANAGER)

    assert turn.counted == {"model": 2, "tool": 1}
    assert sorted(desk.refunded) == [500, 600]
    assert thread.is_done()


def test_a_question_breaks_off_its_sibling_before_that_begins(desk: Desk) -> None:
    """One task runs both calls of a foreign graph's turn: what has not begun is not in doubt."""
    if on(desk):
        desk.shop.cancel_return(ORDER)
    calls = [(name, {"order_id": ORDER}) for name in ("cancel_return", "register_return")]
    thread = in_one_task(desk, *calls)
    desk.vault.faults.add(Fault(path="secret/data/shop/registrations", delay=0.3))
    with cancelling(desk, thread):
        thread.run({"messages": [HumanMessage("Cancel it and register it.")]}, CUSTOMER)

    assert desk.guard.calls.list(thread=thread.id, in_doubt=True) == ()
    begun = [each.state for each in desk.guard.calls.list(thread=thread.id)]
    assert begun in (["failed"], ["succeeded"])
    assert on(desk) == (begun == ["succeeded"])

    thread.answer(thread.waiting_for_one(), kind="reject", message="not today")
    assert thread.is_done()
    assert ("cancelled before it began" in thread.said()) == (begun == ["failed"])
    assert len(thread.records("call.started")) == len(thread.records("call.ended")) == 1


def on(desk: Desk) -> bool:
    """Tell whether the order's return stands at the shop."""
    returns = [each for each in desk.shop.returns() if each.cancelled_at is None]
    return ORDER in {each.order_id for each in returns}


def in_one_task(desk: Desk, *calls: tuple[str, dict[str, Any]]) -> Thread:
    """Return a thread of a graph with LangGraph's tool node, which runs calls in one task."""
    tools = desk.guard.bind([desk.tools.cancel_return, desk.tools.register_return], agent="returns")
    scripted = ScriptedModel(script=asks(*calls)).bind_tools(tools)

    def model(state: MessagesState) -> dict[str, list[AIMessage]]:
        return {"messages": [scripted.invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("model", model)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model").add_edge("tools", "model")
    graph.add_conditional_edges("model", tools_condition)
    return desk.thread(graph.compile(checkpointer=desk.engine.checkpointer))


@contextmanager
def cancelling(desk: Desk, thread: Thread) -> Generator[None]:
    """Cancel what runs leave behind, as `asyncio.run` does, once a call's intent is written."""
    if not isinstance(desk.engine, AsyncEngine):
        yield
        return
    loop = desk.engine.loop
    before = asyncio.all_tasks(loop.get_loop())
    yield

    async def cancel() -> None:
        await asyncio.to_thread(wait_for, lambda: desk.guard.calls.list(thread=thread.id))
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        left = {task for task in left if not waits_for_event(task)}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    loop.run(cancel())


def waits_for_event(task: "asyncio.Task[object]") -> bool:
    """Tell whether a task is what the pool of connections starts anew every now and then."""
    return getattr(task.get_coro(), "cr_code", None) is asyncio.Event.wait.__code__
