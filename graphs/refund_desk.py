"""Owns the refund desk: the graph that is served, and what it stands on."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from langgraph.graph import StateGraph

from bailiwick.agents.models import ModelSettings, create_model, explain_choice
from bailiwick.agents.refund_desk import SUPERVISOR, SUPERVISOR_PROMPT, create_agents, holdings
from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.graphs.governance import VaultPlace, govern
from bailiwick.graphs.proposals import ProposalDesk, place_of
from bailiwick.graphs.settings import Settings
from bailiwick.graphs.supervisor import create_supervisor
from bailiwick.graphs.surroundings import Surroundings, open_surroundings
from bailiwick.policies import Policy
from bailiwick.tools.guard import Guard
from bailiwick.tools.shop.tools import ShopTools, create_shop_tools


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDesk:
    """Hold a refund desk that is open.

    Attributes:
        graph: The supervisor and its specialists; compile it with the checkpointer of your choice.
        guard: What decides, leases and records, with ledger and approvals.
        surroundings: The Vault and the shop it works with.
        model: Which chat model the agents use, and why, in a sentence.
        proposals: What is proposed because of its calls: to try one again, to undo some.
        sealing: What seals its checkpoints, if they are to be.
    """

    graph: StateGraph[Any]
    guard: Guard
    surroundings: Surroundings
    model: str
    proposals: ProposalDesk
    sealing: SealingSerializer | None = None


@contextmanager
def open_refund_desk(settings: Settings, *, place: str = "") -> Generator[RefundDesk]:
    """Open the refund desk while the context lasts.

    What the settings do not name (Vault, shop) is started in this process for development.

    Args:
        settings: What it works with.
        place: Where its threads are kept, if others than this process carry them on.

    Raises:
        BailiwickError: If policy, ledger, Vault or a setting cannot be used; the message says
            which and what to do.
    """
    with ExitStack() as opened:
        surroundings = opened.enter_context(open_surroundings(settings))
        where = _vault_place(settings, surroundings)
        governance = opened.enter_context(govern(settings, where, Policy.shipped(), place=place))
        guard = governance.guard
        tools = opened.enter_context(create_shop_tools(surroundings.shop_address))
        model = ModelSettings(
            model=settings.model,
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
        )
        yield RefundDesk(
            graph=_create_graph(guard, tools, model),
            guard=guard,
            surroundings=surroundings,
            model=explain_choice(model),
            proposals=ProposalDesk(guard, holdings(tools), place=place_of(settings)),
            sealing=governance.sealing,
        )


def _vault_place(settings: Settings, surroundings: Surroundings) -> VaultPlace:
    return VaultPlace(
        address=surroundings.vault_address,
        logins=surroundings.logins,
        # The namespace is of the Vault that the settings name; a development Vault has none.
        namespace=settings.vault_namespace if surroundings.vault is None else None,
    )


def _create_graph(guard: Guard, tools: ShopTools, model: ModelSettings) -> StateGraph[Any]:
    return create_supervisor(
        create_agents(guard, tools, lambda role: create_model(role, model)),
        model=create_model(SUPERVISOR, model),
        prompt=SUPERVISOR_PROMPT,
        supervisor_name=SUPERVISOR,
        guard=guard,
    )
