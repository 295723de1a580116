"""The scripted model is a chat model like any other, only at once and always the same."""

from collections.abc import Generator, Sequence
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph_supervisor import create_supervisor

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Tools, refund_desk_script
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.shop import Shop, create_shop_tools

OutputMode = Literal["last_message", "full_history"]
THREAD: RunnableConfig = {"configurable": {"thread_id": "desk"}}
HELLO = [HumanMessage("hello", id="h-1")]


def greet(messages: Sequence[BaseMessage], tools: Tools) -> AIMessage:
    """Greet, and call every tool."""
    calls = [
        {"name": name, "args": dict.fromkeys(sorted(parameters), len(messages)), "id": None}
        for name, parameters in tools.items()
    ]
    return AIMessage("Good\nday", tool_calls=calls)


@tool
def wave(times: int) -> str:
    """Wave."""
    return "~" * times


def test_a_model_without_tools_calls_none() -> None:
    """Before anything is bound the script has nothing to call."""
    answer = ScriptedModel(script=greet).invoke(HELLO)
    assert (answer.content, answer.tool_calls) == ("Good\nday", [])


def test_binding_tools_of_every_kind_tells_the_script_their_names_and_parameters() -> None:
    """The model they are bound to stays as it was; what is no function is left out."""

    def nod(slowly: bool) -> None:  # noqa: FBT001 - read for its signature alone
        """Nod."""

    model = ScriptedModel(script=greet)
    declared = {"name": "bow", "description": "Bow.", "parameters": {"type": "object"}}
    bound = model.bind_tools(
        [wave, nod, declared, {"type": "web_search"}], parallel_tool_calls=False
    )
    assert isinstance(bound, ScriptedModel)
    assert bound.tools == {"wave": {"times"}, "nod": {"slowly"}, "bow": set()}
    assert model.tools == {}


def test_the_same_messages_get_the_same_answer_and_others_get_other_call_ids() -> None:
    """Runs can be compared, and no two calls of a thread share an id."""
    model = ScriptedModel(script=greet).bind_tools([wave])

    def call_id(messages: list[BaseMessage]) -> str | None:
        return model.invoke(messages).tool_calls[0]["id"]

    assert call_id([*HELLO]) == call_id([*HELLO])
    histories: list[list[BaseMessage]] = [
        [],
        [*HELLO],
        [HumanMessage("hello", id="h-2")],
        [HumanMessage("hello")],
        [*HELLO, *HELLO],
    ]
    assert len({call_id(history) for history in histories}) == len(histories)


def test_two_calls_of_one_message_differ_in_their_ids() -> None:
    """Even where name and arguments are the same."""

    def twice(_: Sequence[BaseMessage], __: Tools) -> AIMessage:
        call = {"name": "wave", "args": {"times": 1}, "id": None}
        return AIMessage("", tool_calls=[call, call])

    first, second = ScriptedModel(script=twice).invoke(HELLO).tool_calls
    assert first["id"] != second["id"]


async def test_every_way_of_asking_gives_one_answer() -> None:
    """At once or in pieces, in a thread or on an event loop."""
    model = ScriptedModel(script=greet).bind_tools([wave])
    whole = model.invoke(HELLO)
    pieces = list(model.stream(HELLO))
    apieces = [piece async for piece in model.astream(HELLO)]
    answers = [whole, await model.ainvoke(HELLO), _sum(pieces), _sum(apieces)]
    assert len(pieces) == len(apieces) > 2
    assert [answer.content for answer in answers] == ["Good\nday"] * 4
    assert [answer.tool_calls for answer in answers] == [whole.tool_calls] * 4


def _sum(pieces: Sequence[Any]) -> AIMessage:
    total = pieces[0]
    for piece in pieces[1:]:
        total += piece
    assert isinstance(total, AIMessage)
    return total


@pytest.fixture
def shop() -> Generator[Shop]:
    """Open a shop with its stock."""
    with Shop() as shop:
        shop.seed()
        yield shop


def keyed(scoped: ScopedTool, key: str) -> BaseTool:
    """Return a plain tool that runs a scoped one with a key, as a guard would, without rules."""

    def run(**args: object) -> str:
        return str(scoped.call(scoped.validate_args(args), Credential("shop/key", {"key": key})))

    return StructuredTool(
        name=scoped.name,
        description=scoped.description,
        args_schema=scoped.tool_call_schema,
        func=run,
        handle_tool_error=True,
    )


@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
@pytest.mark.parametrize("output_mode", ["last_message", "full_history"])
def test_the_scripts_run_a_refund_desk_of_the_original_supervisor(
    shop: Shop, output_mode: OutputMode
) -> None:
    """Foreign supervisor, foreign agents, the real shop, one thread of several requests."""
    key = shop.issue_key(["orders:read", "policy:read", "payments:refund"])
    with create_shop_tools(shop.address) as tools:
        held = {
            "orders": tools.look_up_order,
            "returns": tools.check_return_window,
            "billing": tools.issue_refund,
        }
        desk = create_supervisor(
            [
                create_agent(_model(role), [keyed(scoped, key)], name=role)
                for role, scoped in held.items()
            ],
            model=_model("supervisor"),
            output_mode=output_mode,
        ).compile(checkpointer=InMemorySaver())

        def ask(text: str) -> str:
            state = desk.invoke({"messages": [HumanMessage(text)]}, THREAD)
            return str(state["messages"][-1].content)

        assert "Which order" in ask("I want a refund")
        assert "There is no order 'A-9'" in ask("Refund A-9")
        assert "closed on" in ask("Refund A-1003")
        assert "espresso machine" in ask("How is A-1002?")
        before = shop.refunds()
        assert "issue_refund is not a valid tool" in ask("Refund A-1005")
        assert shop.refunds() == before
        assert "Refunded 20.00 EUR" in ask("Refund 20 EUR on A-1001")
        assert "Refunded 22.00 EUR" in ask("Refund A-1001")
        assert "paid back already" in ask("Refund A-1001")
    assert [refund.cents for refund in shop.refunds("A-1001")] == [2000, 2200]


def _model(role: str) -> ScriptedModel:
    return ScriptedModel(script=refund_desk_script(role))
