"""Owns the task of the measurements: two agents with a tool each, handed over to in turn."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.graph import StateGraph
from tests.benchmarks.models import RoutingModel, ToolModel

from bailiwick.agents import create_specialist
from bailiwick.graphs import create_supervisor
from bailiwick.policies import Policy
from bailiwick.tools import Guard, Ledger, scoped_tool

Graph = StateGraph[Any, Any, Any, Any]
AGENTS = ("a", "b")
MESSAGES = 12
"""How many messages the task leaves in the history, whoever does it."""

RULES = """\
permit (principal, action == Action::"call", resource == Tool::"look");
permit (principal == Agent::"supervisor", action == Action::"delegate", resource);
"""
CONTEXT = "labels: Set<String>, requester: String, chain: Set<String>, approvals: Set<String>"
SCHEMA = f"""\
entity Agent;
entity Tool {{ effect: String }};
action call appliesTo {{
    principal: Agent, resource: Tool, context: {{ args: Args, {CONTEXT} }},
}};
action delegate appliesTo {{ principal: Agent, resource: Agent, context: {{ {CONTEXT} }} }};
type look = {{}};
"""


def look_around() -> str:
    """Look around."""
    return "There is a chair."


look = tool("look")(look_around)


def theirs() -> Graph:
    """Return langgraph-supervisor's graph of the task."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langgraph_supervisor import create_supervisor as create_theirs

        graph: Graph = create_theirs(_prebuilt(), model=RoutingModel(agents=AGENTS))
    return graph


def with_prebuilt_agents() -> Graph:
    """Return ours with the same agents."""
    return create_supervisor(_prebuilt(), model=RoutingModel(agents=AGENTS))


def with_specialists() -> Graph:
    """Return ours with our own agents, ungoverned."""
    agents = [create_specialist(name, model=ToolModel(), tools=[look]) for name in AGENTS]
    return create_supervisor(agents, model=RoutingModel(agents=AGENTS))


@contextmanager
def governed() -> Generator[Graph]:
    """Yield ours with our own agents, each call decided and in a ledger on SQLite."""
    scoped = scoped_tool(effect="read")(look_around)
    scoped.name = "look"
    with TemporaryDirectory(prefix="bailiwick-") as made:
        folder = Path(made)
        (folder / "rules.cedar").write_text(_named(RULES), encoding="utf-8")
        (folder / "schema.cedarschema").write_text(SCHEMA, encoding="utf-8")
        ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        try:
            guard = Guard(policy=Policy.from_path(folder), ledger=ledger)
            agents = [
                create_specialist(name, model=ToolModel(), tools=[scoped], guard=guard)
                for name in AGENTS
            ]
            yield create_supervisor(agents, model=RoutingModel(agents=AGENTS), guard=guard)
        finally:
            ledger.close()


def request(thread: str) -> tuple[dict[str, Any], RunnableConfig]:
    """Return what the task starts with, on a thread of that name."""
    return {"messages": [HumanMessage("Please.")]}, {"configurable": {"thread_id": thread}}


def _prebuilt() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langgraph.prebuilt import (
            create_react_agent,  # pyright: ignore[reportDeprecated] - the peer's users have it
        )

        make: Any = create_react_agent  # pyright: ignore[reportDeprecated] - as above
        return [make(ToolModel(), [look], name=name) for name in AGENTS]


def _named(rules: str) -> str:
    return "\n".join(
        f'@id("rule-{number}") {rule}' for number, rule in enumerate(rules.splitlines())
    )
