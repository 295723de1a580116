"""Owns the refund desk as the stories attack it: its graphs, its threads, its effects."""

import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Interrupt
from tests.stories.answers import resume
from tests.stories.engines import App, Engine, Outcome, Run
from tests.stories.ground import Ground, refund_requests
from tests.stories.people import CUSTOMER, MANAGER, REFUND, REQUEST
from tests.stories.scripts import asks, scripted

from bailiwick.agents.refund_desk import SUPERVISOR, SUPERVISOR_PROMPT, create_agents
from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Script
from bailiwick.agents.specialist import create_specialist
from bailiwick.graphs.proposals import ProposalDesk
from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.supervision.opening import Hook
from bailiwick.graphs.supervisor import create_supervisor
from bailiwick.policies import Policy
from bailiwick.policies.principals import Principal
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.chain import Record
from bailiwick.tools.shop import Shop
from bailiwick.tools.shop.tools import ShopTools, create_shop_tools

PATIENCE = 10.0
"""Seconds for which the end of a lease is waited for."""
MINT = "auth/token/create/"
"""The path below which Vault makes children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Hold a desk that is open, and what one story has done to the shop since it began.

    Attributes:
        app: The compiled supervisor.
        engine: What runs it.
        guard: What governs it.
        ground: The Vault and the shop.
        before: How many refunds the shop had made when the story began.
        asked_before: How often it had been asked for one by then.
        tools: The shop's tools, for deployments that differ in one.
        proposals: Where calls are proposed anew, or undone.
    """

    app: App
    engine: Engine
    guard: Guard
    ground: Ground
    before: int
    asked_before: int
    tools: ShopTools
    proposals: ProposalDesk

    @classmethod
    def of(cls, opened: RefundDesk, engine: Engine, ground: Ground, tools: ShopTools) -> "Desk":
        """Return a refund desk as a story finds it that begins now."""
        return cls(
            app=opened.graph.compile(checkpointer=engine.checkpointer),
            engine=engine,
            guard=opened.guard,
            ground=ground,
            before=len(ground.shop.refunds()),
            asked_before=refund_requests(ground.shop),
            tools=tools,
            proposals=opened.proposals,
        )

    def deploy(
        self,
        *,
        policy: Policy | None = None,
        refund: ScopedTool | None = None,
        billing: Script | None = None,
        hook: Hook | None = None,
    ) -> App:
        """Build the desk anew on the same databases, with another policy, tool or script."""
        guard = self.guard
        if policy is not None:
            guard = Guard(policy=policy, ledger=guard.ledger, vault=guard.vault)
        tools = self.tools if refund is None else replace(self.tools, issue_refund=refund)

        def model(role: str) -> ScriptedModel:
            return (
                ScriptedModel(script=billing) if billing and role == "billing" else scripted(role)
            )

        graph = create_supervisor(
            create_agents(guard, tools, model),
            model=scripted(SUPERVISOR),
            prompt=SUPERVISOR_PROMPT,
            supervisor_name=SUPERVISOR,
            post_model_hook=hook,
            guard=guard,
        )
        return graph.compile(checkpointer=self.engine.checkpointer)

    def specialist(
        self,
        script: Script,
        *tools: ScopedTool,
        name: str = "billing",
        policy: Policy | None = None,
    ) -> App:
        """Build one specialist alone, which says what a script says."""
        guard = self.guard
        if policy is not None:
            guard = Guard(policy=policy, ledger=guard.ledger, vault=guard.vault)
        model = ScriptedModel(script=script)
        graph = create_specialist(name, model=model, tools=tools, guard=guard)
        return graph.builder.compile(checkpointer=self.engine.checkpointer, name=name)

    def billing(self, policy: Policy | None = None) -> "Thread":
        """Return a new thread of billing alone, which asks for the refund at once."""
        return self.thread(self.specialist(asks(REFUND), self.tools.issue_refund, policy=policy))

    @property
    def shop(self) -> Shop:
        """The shop."""
        return self.ground.shop

    @property
    def vault(self) -> DevelopmentVault:
        """The development Vault."""
        return self.ground.vault

    def anew(self) -> "Desk":
        """Return the desk as the next story finds it: nothing that the last one leased is alive."""
        self.guard.drain()
        asked = refund_requests(self.shop)
        return replace(self, before=len(self.shop.refunds()), asked_before=asked)

    @property
    def refunded(self) -> list[int]:
        """The refunds that the shop has made since the story began, in cents.

        The shop makes one refund of two requests with one idempotency key. A story must not take
        the shop's care for ours, so it was asked no more often than it paid.
        """
        assert self.asked == len(self.paid)
        return self.paid

    @property
    def paid(self) -> list[int]:
        """The same, however often the shop was asked."""
        return [refund.cents for refund in self.shop.refunds()[self.before :]]

    @property
    def asked(self) -> int:
        """How often the shop was asked for a refund since the story began."""
        return refund_requests(self.shop) - self.asked_before

    def leased(self) -> int:
        """Return how many child tokens Vault has made."""
        return sum(asked.path.startswith(MINT) for asked in self.vault.requests)

    def live_children(self) -> list[str]:
        """Return the tools for which a child token stays alive in Vault: an end takes a moment."""
        deadline = time.monotonic() + PATIENCE
        while (live := self.live_now()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return live

    def live_now(self) -> list[str]:
        """Return the tools for which a child token is alive in Vault right now."""
        return [token.role for token in self.vault.live_tokens() if token.role]

    def thread(self, app: App | None = None) -> "Thread":
        """Return a new thread of this desk's graph, or of another on the same checkpoints."""
        return Thread(desk=self, app=app or self.app)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Hold one conversation, as whoever can reach the graph may drive it."""

    desk: Desk
    app: App
    id: str = field(default_factory=lambda: f"thread-{uuid.uuid4().hex[:8]}")

    @property
    def config(self) -> RunnableConfig:
        """The config that names the thread."""
        return {"configurable": {"thread_id": self.id}}

    def under(self, app: App) -> "Thread":
        """Return the same thread as another deployment of the graph sees it."""
        return Thread(desk=self.desk, app=app, id=self.id)

    def run(
        self,
        given: Any,  # noqa: ANN401 - an attacker sends anything
        who: Principal = CUSTOMER,
        config: RunnableConfig | None = None,
    ) -> dict[str, Any]:
        """Run the graph with any input or command."""
        return self.desk.engine.run(self.as_run(given, who, config))

    def as_run(
        self,
        given: Any,  # noqa: ANN401 - as above
        who: Principal = CUSTOMER,
        config: RunnableConfig | None = None,
    ) -> Run:
        """Return a run to be started together with others."""
        return Run(app=self.app, given=given, config=config or self.config, who=who)

    def run_together(self, *runs: Run) -> list[Outcome]:
        """Start several runs at the same moment."""
        return self.desk.engine.run_together(runs)

    def ask(self, text: str = REQUEST, who: Principal = CUSTOMER) -> Interrupt:
        """Ask for a refund and return the one interrupt that waits for a manager."""
        self.run({"messages": [HumanMessage(text)]}, who)
        return self.waiting_for_one()

    def answer(
        self,
        interrupt: Interrupt,
        who: Principal = MANAGER,
        kind: str = "approve",
        **fields: object,
    ) -> dict[str, Any]:
        """Answer an interrupt by its id."""
        return self.run(resume(interrupt, kind, **fields), who)

    def waiting(self) -> list[Interrupt]:
        """Return the interrupts that wait for an answer."""
        return list(self.desk.engine.state(self.app, self.config).interrupts)

    def waiting_for_one(self) -> Interrupt:
        """Return the only interrupt that waits."""
        (interrupt,) = self.waiting()
        return interrupt

    def is_done(self) -> bool:
        """Tell whether nothing is left to run or to answer.

        An interrupt is listed while the run that its answer released is under way, and `next` is
        empty where a task has ended and nothing was made of it. Tasks say both.
        """
        return not self.desk.engine.state(self.app, self.config).tasks

    def messages(self) -> list[BaseMessage]:
        """Return the conversation."""
        return list(self.desk.engine.state(self.app, self.config).values.get("messages", []))

    def said(self) -> str:
        """Return everything that was said, for a search."""
        return "\n".join(str(message.text) for message in self.messages())

    def results(self) -> list[str]:
        """Return what the tools answered the model."""
        return [str(m.text) for m in self.messages() if isinstance(m, ToolMessage)]

    def records(self, kind: str | None = None) -> list[Record]:
        """Return what the ledger says of the thread."""
        return list(self.desk.guard.ledger.records(self.id, kind))

    def ended(self) -> Sequence[Record]:
        """Return how each lease of the thread ended, once they all have."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.records("lease.revoked")
            if len(ended) >= len(self.records("lease.granted")) or time.monotonic() > deadline:
                return ended
            time.sleep(0.01)

    def denials(self) -> list[Mapping[str, Any]]:
        """Return the decisions that denied something."""
        bodies = [record.body for record in self.records("decision")]
        return [body for body in bodies if body["verdict"] == "deny"]

    def configs(self) -> Sequence[RunnableConfig]:
        """Return where every checkpoint of the thread lies, the newest first."""
        return [each.config for each in self.desk.engine.history(self.app, self.config)]


@contextmanager
def open_desk(
    ground: Ground, engine: Engine, database_url: str, policy: Path | None = None
) -> Generator[Desk]:
    """Open the refund desk on a ledger's database, with its own policy or another."""
    shop, settings = ground.surroundings.shop_address, ground.settings(database_url, policy)
    with open_refund_desk(settings) as desk, create_shop_tools(shop) as tools:
        yield Desk.of(desk, engine, ground, tools)
