"""Which tools a specialist takes, and the graph it makes of them."""

from typing import Annotated, Any

import pytest
from langchain_core.tools import tool
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.prebuilt import InjectedState
from tests.agents.specialist.thinkers import PAY, Thinker, answers, leasing, pays
from tests.driven import Drive

from bailiwick.agents import SpecialistGraph, create_specialist
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.guard import Guard


def test_the_nodes_are_named_after_what_they_do(guard: Guard, pay: ScopedTool) -> None:
    """Who reads a trace or draws the graph finds them by these names."""
    graph = create_specialist("billing", model=pays().model, tools=[pay], guard=guard)
    plain = create_specialist("billing", model=pays().model, tools=[sum_up])

    assert graph.name == "billing"
    assert isinstance(graph.builder, SpecialistGraph)
    assert set(graph.nodes) == {"__start__", "model", "approval", "execute"}
    assert set(plain.nodes) == {"__start__", "model", "execute"}
    assert {(edge.source, edge.target) for edge in graph.get_graph().edges} == {
        ("__start__", "model"),
        ("model", "approval"),
        ("model", "execute"),
        ("model", "__end__"),
        ("approval", "approval"),
        ("approval", "execute"),
        ("approval", "model"),
        ("execute", "model"),
    }


def sum_up(numbers: list[int], state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Sum numbers up."""
    return f"{sum(numbers)} in {len(state['messages'])} messages"


@tool
def wave() -> str:
    """Wave."""
    return "~"


def test_without_a_guard_any_tools_run(drive: Drive) -> None:
    """Functions and tools, with what LangGraph injects."""
    thinker = Thinker(("sum_up", {"numbers": [1, 2]}), ("wave", {}))
    graph = create_specialist("counter", model=thinker.model, tools=[sum_up, wave])

    assert answers(drive(graph, PAY)["messages"]) == ["3 in 2 messages", "~"]


def test_what_a_binding_adds_to_the_model_stays(drive: Drive) -> None:
    """Its arguments and config reach the model beside the tools."""
    thinker, collector = Thinker(("wave", {})), RunCollectorCallbackHandler()
    model = thinker.model.bind(stop=["."]).with_config(tags=["mine"], callbacks=[collector])
    graph = create_specialist("greeter", model=model, tools=[wave])

    assert answers(drive(graph, PAY)["messages"]) == ["~"]
    assert len(runs := collector.traced_runs) == len(thinker.shown)
    assert all("mine" in (run.tags or ()) and run.extra["options"]["stop"] == ["."] for run in runs)


def test_a_tool_that_is_not_scoped_is_refused_by_name(guard: Guard, pay: ScopedTool) -> None:
    """When the agent is built."""
    for plain, name in ((wave, "wave"), (sum_up, "sum_up")):
        with pytest.raises(ScopeError, match=f"'{name}' is not scoped"):
            create_specialist("billing", model=pays().model, tools=[pay, plain], guard=guard)


def test_a_scoped_tool_needs_a_guard(pay: ScopedTool) -> None:
    """It would refuse every call."""
    with pytest.raises(ScopeError, match="pay: a scoped tool needs create_specialist"):
        create_specialist("billing", model=pays().model, tools=[wave, pay])


def test_a_tool_that_leases_needs_a_vault(guard: Guard) -> None:
    """It would refuse every call, too."""
    with pytest.raises(ScopeError, match="'pay' needs a credential: give the guard a vault"):
        create_specialist("billing", model=pays().model, tools=[leasing()], guard=guard)


@pytest.mark.parametrize(
    ("given", "error", "why"),
    [
        ({"name": ""}, ValueError, "an agent without a name"),
        ({"model": "openai:gpt-4"}, TypeError, "the model of 'a' is 'openai:gpt-4': give a chat"),
        ({"model": pays().model.with_retry()}, TypeError, "a RunnableRetry, which takes no tools"),
        (
            {"model": pays().model.bind(tools=[{"name": "nod"}])},
            ValueError,
            "Missing tools",
        ),
        ({"prompt": sum_up}, TypeError, "the prompt of 'a' is a function: give a text"),
        ({"prompt": ["Sum up."]}, TypeError, "the prompt of 'a' is a list: give a text"),
    ],
    ids=["no name", "model's name", "model that retries", "other tools", "function", "list"],
)
def test_what_a_specialist_cannot_be_made_of_is_refused(
    given: dict[str, Any], error: type[Exception], why: str
) -> None:
    """When it is built, in words that say what it takes."""
    fit: dict[str, Any] = {"name": "a", "model": pays().model, "tools": [wave]}
    with pytest.raises(error, match=why):
        create_specialist(**fit | given)
