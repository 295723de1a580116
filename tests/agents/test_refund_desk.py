"""The refund desk's agents hold what their work needs, and all of it under the guard."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from bailiwick.agents.refund_desk import PROMPTS, create_agents, holdings, registry
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.specialist import SpecialistGraph
from bailiwick.policies import Policy, policy
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.shop.tools import ShopTools, create_shop_tools
from bailiwick.tools.vault import Vault

NOWHERE = "http://127.0.0.1:9"
"""No test here reaches a shop or a Vault."""


class Listening:
    """Answer at once, and note what each agent's model reads.

    Attributes:
        read: The messages, by the agent's name.
    """

    def __init__(self) -> None:
        self.read: dict[str, Sequence[BaseMessage]] = {}

    def model(self, agent: str) -> ScriptedModel:
        """Return the model of an agent."""

        def script(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
            self.read[agent] = messages
            return AIMessage("Done.")

        return ScriptedModel(script=script)


@pytest.fixture
def tools() -> Iterator[ShopTools]:
    """Give the tools of a shop that is not there."""
    with create_shop_tools(NOWHERE) as opened:
        yield opened


@pytest.fixture
def desk_guard() -> Iterator[Guard]:
    """Give a guard with the shipped policy, and with a Vault that is not there."""
    shipped = Policy.from_path(Path(policy.__file__).parent)
    with ExitStack() as opened:
        ledger = opened.enter_context(closing(Ledger("sqlite://")))
        vault = opened.enter_context(Vault(NOWHERE, logins={}))
        yield Guard(policy=shipped, ledger=ledger, vault=vault)


def test_every_tool_is_held_by_one_agent(tools: ShopTools) -> None:
    """What two could do, nobody is answerable for."""
    held = [tool for each in holdings(tools).values() for tool in each]
    made = [getattr(tools, field.name) for field in fields(tools)]

    assert sorted(tool.name for tool in held) == sorted(
        tool.name for tool in made if isinstance(tool, ScopedTool)
    )


def test_billing_alone_destroys(tools: ShopTools) -> None:
    """Money moves in one place."""
    destructive = {
        agent
        for agent, held in holdings(tools).items()
        if any(tool.effect == "destructive" for tool in held)
    }

    assert destructive == {"billing"}


def test_no_two_agents_lease_the_same_secret(tools: ShopTools) -> None:
    """The key to look orders up is no key to refund them."""
    leased = {
        agent.name: {tool.scope.path for tool in agent.tools} for agent in registry(tools).agents
    }

    assert leased.keys() == PROMPTS.keys()
    assert sum(map(len, leased.values())) == len(set[str]().union(*leased.values()))


def test_a_tool_without_a_credential_has_no_business_with_vault(tools: ShopTools) -> None:
    """The shop would answer nobody who comes without a key."""

    @scoped_tool(effect="read")
    def look_up_order(order_id: str) -> str:
        """Look an order up."""
        return order_id

    with pytest.raises(ScopeError, match="'look_up_order' declares no credential"):
        registry(replace(tools, look_up_order=look_up_order))


def test_each_agent_is_governed_and_has_a_prompt(tools: ShopTools, desk_guard: Guard) -> None:
    """Its model reads who it is before anything else."""
    listening = Listening()
    for agent in create_agents(desk_guard, tools, listening.model):
        assert isinstance(agent.builder, SpecialistGraph)
        assert agent.builder.guard is desk_guard
        agent.invoke({"messages": [HumanMessage("Hello.")]})

    assert listening.read.keys() == PROMPTS.keys()
    for name, prompt in PROMPTS.items():
        assert listening.read[name][0] == SystemMessage(prompt)


def test_without_a_vault_there_is_no_desk(tools: ShopTools, guard: Guard) -> None:
    """Its tools could not get what they need, and say so when it is built."""
    with pytest.raises(ScopeError, match="give the guard a vault"):
        create_agents(guard, tools, Listening().model)
