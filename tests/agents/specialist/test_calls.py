"""The calls of a turn: each a task of its own, each governed, and heard of without secrets."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
)
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from tests.agents.specialist.thinkers import PAY, Paid, Thinker, answers, kept, leasing, look, pays
from tests.driven import THREAD, Drive, Graph
from typing_extensions import override

from bailiwick.agents import create_specialist
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Tools
from bailiwick.policies.redaction import MASK
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.vault import Vault

ARGS = {"to": "shop", "amount": "40"}


def test_allowed_calls_run_and_denied_ones_are_told(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """Each call of a turn has its answer, in the order of the calls."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("pay", {"to": "shop", "amount": "40"}),
        ("pay", {"to": "shop", "amount": "900"}),
        ("wipe", {}),
        ("pay", {"to": "shop"}),
    ]
    thinker = Thinker(*calls)
    graph = create_specialist("billing", model=thinker.model, tools=[pay], guard=guard)
    messages = drive(graph, PAY)["messages"]

    assert answers(messages) == [
        "paid 40 to shop",
        "pay did not run. Forbidden: it is too much (too-much).",
        "wipe did not run. 'billing' holds no tool 'wipe': it holds pay.",
        "pay did not run. Its arguments do not fit: amount: Field required.",
    ]
    assert paid == [("shop", Decimal(40))]
    assert thinker.shown[-1] == messages[:-1]


def test_without_a_thread_each_run_is_for_itself(
    guard: Guard, pay: ScopedTool, paid: Paid, drive: Drive
) -> None:
    """A model's cache gives two people the same message, with the same ids."""
    said = AIMessage("", id="said", tool_calls=[{"name": "pay", "args": ARGS, "id": "call"}])

    def think(messages: Sequence[BaseMessage], _: Tools) -> AIMessage:
        return AIMessage("done") if messages[-1].type == "tool" else said.model_copy(deep=True)

    model = ScriptedModel(script=think)
    graph = create_specialist("billing", model=model, tools=[pay], guard=guard)
    alike: Any = {"messages": [HumanMessage("pay", id="asked")]}
    for _ in range(2):
        done = asyncio.run(graph.ainvoke(alike)) if drive.is_async else graph.invoke(alike)
        assert answers(done["messages"]) == ["paid 40 to shop"]

    assert paid == [("shop", Decimal(40))] * 2


def steps(graph: Graph) -> list[int]:
    """Return the supersteps that a thread took, oldest first."""
    return sorted(state.metadata["step"] for state in graph.get_state_history(THREAD))  # type: ignore[index]  # there is one


def test_an_allowed_call_takes_no_more_supersteps_than_elsewhere(
    guard: Guard, drive: Drive
) -> None:
    """Deciding costs no step: it happens on the edge."""
    scripted = [Thinker(("look", {}), ("look", {})) for _ in range(2)]
    theirs = create_agent(
        scripted[0].model, guard.bind([look], agent="billing"), checkpointer=InMemorySaver()
    )
    ours = kept(create_specialist("billing", model=scripted[1].model, tools=[look], guard=guard))
    for graph in (theirs, ours):
        drive(graph, PAY)

    assert steps(ours) == steps(theirs)


def test_every_call_of_a_turn_is_a_task_of_its_own(guard: Guard, pay: ScopedTool) -> None:
    """What one does, fails at or waits for is not the others' matter."""
    graph = create_specialist("billing", model=pays(1, 2, 3).model, tools=[pay], guard=guard)
    tasks = [each["name"] for each in graph.stream(PAY, stream_mode="tasks") if "input" in each]

    assert tasks == ["model", "execute", "execute", "execute", "model"]


async def test_every_way_to_stream_works(guard: Guard) -> None:
    """Updates by node, messages by token, and what a tool writes itself."""
    thinker = Thinker(("look", {}))
    graph = create_specialist("billing", model=thinker.model, tools=[look], guard=guard)
    modes: list[Any] = ["updates", "messages", "custom"]
    streamed = [*graph.stream(PAY, stream_mode=modes)]
    astreamed = [each async for each in graph.astream(PAY, stream_mode=modes)]

    for events in (streamed, astreamed):
        updates: list[Any] = [event for mode, event in events if mode == "updates"]
        tokens: list[Any] = [event for mode, event in events if mode == "messages"]
        assert [event for mode, event in events if mode == "custom"] == ["looking"]
        assert [[*each] for each in updates] == [["model"], ["execute"], ["model"]]
        assert "".join(m.text for m, _ in tokens if isinstance(m, AIMessageChunk)) == "done"
        assert [m.text for m, _ in tokens if isinstance(m, ToolMessage)] == ["all is well"]


class Listener(BaseCallbackHandler):
    """Keep what it hears of tools."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @override
    def on_tool_start(self, serialized: dict[str, Any], input_str: str, **kwargs: Any) -> None:
        self.heard.append(("start", input_str, kwargs.get("inputs")))

    @override
    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        self.heard.append(("end", output.text))


def test_a_listener_hears_of_calls_without_their_secrets(
    guard: Guard, vault: Vault, drive: Drive
) -> None:
    """Arguments and result as everybody may read them, once for each call."""
    leases = Guard(policy=guard.policy, ledger=guard.ledger, vault=vault)
    listener = Listener()
    thinker = pays("40")
    graph = create_specialist("billing", model=thinker.model, tools=[leasing()], guard=leases)
    messages = drive(graph.with_config(callbacks=[listener]), PAY)["messages"]

    inputs = {"to": "shop", "amount": "40"}
    assert listener.heard == [
        ("start", str(inputs), inputs),
        ("end", f"paid 40 to shop with {MASK}"),
    ]
    assert answers(messages) == [f"paid 40 to shop with {MASK}"]
    assert "bank-secret" not in str(messages) + str(thinker.shown)
    assert leases.drain()


async def test_an_asynchronous_tool_runs_on_the_event_loop(guard: Guard) -> None:
    """And says in words that it cannot run without one."""

    async def alook() -> str:
        """Look."""
        await asyncio.sleep(0)
        return "all is well"

    scoped = scoped_tool(alook, effect="read", name="look")
    thinker = Thinker(("look", {}))
    graph = create_specialist("billing", model=thinker.model, tools=[scoped], guard=guard)

    assert answers((await graph.ainvoke(PAY))["messages"]) == ["all is well"]
    assert "'look' is asynchronous: use ainvoke" in answers(graph.invoke(PAY)["messages"])[0]


def test_a_wrapped_tool_is_heard_once(guard: Guard, drive: Drive) -> None:
    """The guard speaks for it."""
    listener = Listener()

    @tool("look")
    def inner() -> str:
        """Look."""
        return "all is well"

    tools: list[BaseTool] = [scoped_tool(inner, effect="read")]
    graph = create_specialist(
        "billing", model=Thinker(("look", {})).model, tools=tools, guard=guard
    )
    drive(graph.with_config(callbacks=[listener]), PAY)

    assert listener.heard == [("start", "{}", {}), ("end", "all is well")]
