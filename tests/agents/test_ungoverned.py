"""An agent without a guard runs its tools as LangGraph's tool node does, only sooner."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode, ToolRuntime
from langgraph.types import Command, interrupt

from bailiwick.agents import create_specialist
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.ungoverned import UngovernedTools


@tool
def add(left: int, right: int) -> str:
    """Add two numbers."""
    return str(left + right)


@tool
def table() -> list[dict[str, Any]]:
    """Return rows."""
    return [{"order": "A-1"}, {"order": "A-2"}]


@tool
def count(state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Count the messages."""
    return str(len(state["messages"]))


@tool
def whoami(runtime: ToolRuntime) -> str:
    """Return the id of the call."""
    return str(runtime.tool_call_id)


@tool
def rename() -> Command[str]:
    """Answer by a command."""
    return Command(update={"messages": [ToolMessage("done", tool_call_id="1")]})


@tool
def forget() -> Command[str]:
    """Answer nothing."""
    return Command(update={"messages": []})


def refuse() -> str:
    """Fail in a way that the author has foreseen."""
    raise ToolException("the shop is closed")


refuse_politely = tool(refuse)
refuse_politely.handle_tool_error = True

TOOLS: list[BaseTool] = [add, table, count, whoami, rename, forget, refuse_politely]


def asked(*calls: tuple[str, dict[str, Any]]) -> dict[str, list[BaseMessage]]:
    """Return a state in which a model asks for calls."""
    tool_calls = [
        {"name": name, "args": args, "id": str(number), "type": "tool_call"}
        for number, (name, args) in enumerate(calls, start=1)
    ]
    said = AIMessage("", tool_calls=tool_calls, id="said")
    return {"messages": [HumanMessage("Please.", id="asked"), said]}


def graph_of(node: Any) -> Any:  # noqa: ANN401 - either node
    """Return a graph that is nothing but a node."""
    graph = StateGraph(MessagesState)
    graph.add_node("execute", node)
    graph.add_edge(START, "execute")
    return graph.compile(checkpointer=InMemorySaver())


async def told(node: Any, state: dict[str, Any], *, is_async: bool) -> Sequence[BaseMessage]:  # noqa: ANN401 - as above
    """Return what the node answers."""
    graph, config = graph_of(node), {"configurable": {"thread_id": "t"}}
    done = await graph.ainvoke(state, config) if is_async else graph.invoke(state, config)
    return [m for m in done["messages"] if isinstance(m, ToolMessage)]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(asked(("add", {"left": 1, "right": 2})), id="one"),
        pytest.param(asked(("table", {})), id="rows"),
        pytest.param(asked(("count", {})), id="injected-state"),
        pytest.param(asked(("whoami", {})), id="injected-runtime"),
        pytest.param(asked(("rename", {})), id="command"),
        pytest.param(asked(("refuse", {})), id="foreseen-failure"),
        pytest.param(asked(("nothing", {})), id="unknown"),
        pytest.param(
            asked(("add", {"left": 1, "right": 2}), ("add", {"left": 3, "right": 4})), id="two"
        ),
    ],
)
async def test_it_answers_as_the_tool_node_does(state: dict[str, Any], *, is_async: bool) -> None:
    """Whatever a tool takes and returns."""
    ours = await told(UngovernedTools(TOOLS), state, is_async=is_async)
    theirs = await told(ToolNode(TOOLS), state, is_async=is_async)

    assert [(m.content, m.name, m.tool_call_id, m.status) for m in map(_tool_message, ours)] == [
        (m.content, m.name, m.tool_call_id, m.status) for m in map(_tool_message, theirs)
    ]
    assert ours


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("node", [UngovernedTools, ToolNode], ids=["ours", "theirs"])
async def test_a_command_that_leaves_its_call_open_is_refused(
    node: Callable[[list[BaseTool]], Any], *, is_async: bool
) -> None:
    """A model's provider would refuse the history, in words that name no tool."""
    with pytest.raises(ValueError, match="Expected to have a matching ToolMessage"):
        await told(node(TOOLS), asked(("forget", {})), is_async=is_async)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_arguments_that_do_not_fit_are_told_to_the_model(*, is_async: bool) -> None:
    """And the tool does not run."""
    [answer] = await told(
        UngovernedTools(TOOLS), asked(("add", {"left": "one"})), is_async=is_async
    )

    message = _tool_message(answer)
    assert message.status == "error"
    assert "do not fit 'add'" in str(message.content)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_an_unforeseen_failure_is_raised(*, is_async: bool) -> None:
    """As by the tool node."""

    @tool
    def burn() -> str:
        """Fail."""
        raise OSError("on fire")

    with pytest.raises(OSError, match="on fire"):
        await told(UngovernedTools([burn]), asked(("burn", {})), is_async=is_async)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_a_tool_may_ask_a_person(*, is_async: bool) -> None:
    """Its interrupt passes, and the answer comes back to it; a bad answer is not the tool's."""

    @tool
    def ask() -> str:
        """Ask."""
        return str(interrupt("how many?", response_schema=int))

    graph, config = graph_of(UngovernedTools([ask])), {"configurable": {"thread_id": "t"}}

    async def go(given: object) -> dict[str, Any]:
        done = await graph.ainvoke(given, config) if is_async else graph.invoke(given, config)
        return dict(done)

    waiting = await go(asked(("ask", {})))
    with pytest.raises(ValueError, match="int"):
        await go(Command(resume="many"))
    done = await go(Command(resume=3))

    assert waiting["__interrupt__"]
    assert done["messages"][-1].content == "3"


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_each_question_of_a_turn_gets_its_own_answer(*, is_async: bool) -> None:
    """And what ran beside them does not run again when the answers come."""
    paid: list[str] = []

    @tool
    def pay(to: str) -> str:
        """Pay."""
        paid.append(to)
        return f"paid {to}"

    @tool
    def ask(question: str) -> str:
        """Ask."""
        return f"{question} {interrupt(question)}"

    asking = asked(
        ("ask", {"question": "how much?"}), ("pay", {"to": "bob"}), ("ask", {"question": "when?"})
    )["messages"][-1]
    assert isinstance(asking, AIMessage)
    model = ScriptedModel(script=lambda read, _: AIMessage("done") if read[1:] else asking)
    graph = create_specialist("billing", model=model, tools=[pay, ask])
    graph.checkpointer = InMemorySaver()
    config: RunnableConfig = {"configurable": {"thread_id": "t"}}

    async def go(given: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a graph takes
        ended = await graph.ainvoke(given, config) if is_async else graph.invoke(given, config)
        return dict(ended)

    waiting = await go({"messages": [HumanMessage("Please.")]})
    answers = {each.id: f"({each.value})" for each in waiting["__interrupt__"]}
    ended = await go(Command(resume=answers))

    assert paid == ["bob"]
    told = [each.content for each in ended["messages"] if isinstance(each, ToolMessage)]
    assert told == ["how much? (how much?)", "paid bob", "when? (when?)"]


def _tool_message(message: BaseMessage) -> ToolMessage:
    assert isinstance(message, ToolMessage)
    return message
