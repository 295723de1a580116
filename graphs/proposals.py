"""Owns the desk at which calls are proposed: to try one again, to undo those of a thread."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import StateSnapshot

from bailiwick.graphs.outbox.deliveries import App
from bailiwick.graphs.proposal_graph import create_proposal_graph
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import CallError, LedgerError
from bailiwick.policies.principals import Principal
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.called_tools import Holdings
from bailiwick.tools.effects.proposal_rows import Proposal
from bailiwick.tools.effects.proposals import Proposals
from bailiwick.tools.effects.reconciliations import reconcile
from bailiwick.tools.effects.undoings import Undoing
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.deliveries import PROPOSALS
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.threads import to_its_end, unless_cancelled

logger = logging.getLogger(__name__)


def place_of(settings: Settings) -> str:
    """Return the place of proposals whose checkpoints are where the settings say.

    Whoever shares the ledger finds those beside it. Others are named, so that nobody looks for a
    thread where it is not, and in the end takes it for deleted.
    """
    if settings.checkpoints == settings.checkpoints_beside:
        return PROPOSALS
    where = urlsplit(settings.checkpoints)
    # Without the password: whoever has another one may look at the same database.
    path = str(Path(where.path[1:]).absolute()) if where.scheme == "sqlite" else where.path
    at = f"{where.hostname}:{where.port}{path}"
    return f"{PROPOSALS} {hashlib.sha256(at.encode()).hexdigest()[:16]}"


class ProposalDesk:
    """Hold the graph in which proposed calls are made, and what it takes to propose them.

    A proposal is a thread of its own in the same checkpoints: one that waits for an approval is
    answered, delivered and carried on like any.

    Args:
        guard: The guard of the calls that proposals are about.
        holdings: Which agent holds which scoped tools.
        place: Tells the checkpoints of its threads from others, as `place_of` does.
        replaced: Versions of tools, as `calls show` tells them, that the held ones of the same
            agent and name replace: what was called with those is tried again and undone with
            these. Left out, a call is a matter of the very tool that it was made with alone.

    Attributes:
        graph: The graph; compile it with the checkpointer of your choice.
        guard: The guard of its calls: the same policy, ledger and Vault, at a place of its own.
        proposals: What was proposed.
    """

    def __init__(
        self,
        guard: Guard,
        holdings: Holdings,
        *,
        place: str = PROPOSALS,
        replaced: Iterable[str] = (),
    ) -> None:
        held = {agent: _with_inverses(tools) for agent, tools in holdings.items()}
        self.guard = Guard(
            policy=guard.policy,
            ledger=guard.ledger,
            vault=guard.vault,
            principal=guard.principal,
            place=place,
        )
        self.proposals = Proposals(self.guard, held, replaced)
        self.graph = create_proposal_graph(self.guard, held, self.proposals)

    def compile(self, checkpointer: BaseCheckpointSaver[Any]) -> App:
        """Return the graph on a checkpointer."""
        return self.graph.compile(checkpointer=checkpointer, name=PROPOSALS)

    def holds(self, thread: str | None) -> bool:
        """Tell whether a thread is one of proposals.

        Raises:
            LedgerError: If the database fails.
        """
        return thread is not None and bool(self.proposals.of(thread))

    def retry(
        self,
        app: App,
        key: str,
        *,
        by: Principal,
        requester: Principal | None = None,
        reason: str = "",
    ) -> Proposal:
        """Propose a call in doubt anew, and run its thread until it waits; see `Proposals.retry`.

        The system is asked first, where the call's tool says how: what took effect is not proposed.

        Args:
            app: The compiled graph.
            key: The call's key or its beginning.
            by: Who settles it, as authenticated by the host.
            requester: Whose request the new call is; the same person's where left out.
            reason: Why.

        Raises:
            CallError: As there, and if the system knows what came of the call.
            LedgerError: If the database fails.
        """
        proposal = self._proposed_anew(key, by, requester, reason)
        self.carry_on(app, proposal.thread)
        return proposal

    def reconcile(self, key: str) -> CallRecord:
        """Ask the system of a call in doubt what came of it; return where the call stands then.

        Args:
            key: The call's key or its beginning.

        Raises:
            CallError: If there is no such call, or its tool is not held here.
            LedgerError: If the database fails.
        """
        call = self.guard.calls.find(key)
        if not call.is_unknown:
            return call
        return reconcile(self.guard, call, self.proposals.tool(call))

    def undo(self, app: App, thread: str, *, requester: Principal) -> Undoing:
        """Propose to undo what succeeded in a thread, and run until it waits.

        What was proposed before and broke off goes on; what cannot be undone is told. See
        `Proposals.undo`.

        Args:
            app: The compiled graph.
            thread: The thread.
            requester: Who wants it.

        Raises:
            LedgerError: If the database fails.
        """
        for each in self.proposals.open_threads(origin=thread):
            self.carry_on(app, each)
        undoing = self.proposals.undo(thread, requester=requester)
        if undoing.made:
            self.carry_on(app, undoing.made[0].thread)
        return undoing

    async def aretry(
        self,
        app: App,
        key: str,
        *,
        by: Principal,
        requester: Principal | None = None,
        reason: str = "",
    ) -> Proposal:
        """Do what `retry` does, on an event loop and with an asynchronous checkpointer."""
        proposal = await unless_cancelled(
            lambda: self._proposed_anew(key, by, requester, reason), "leases"
        )
        await self.acarry_on(app, proposal.thread)
        return proposal

    def _proposed_anew(
        self, key: str, by: Principal, requester: Principal | None, reason: str
    ) -> Proposal:
        call = self.reconcile(key)
        if call.reason == "reconcile":
            raise CallError(
                f"the system was asked and knows what came of it: {call.content} Should it be done "
                "all the same, have the agent ask for it anew"
            )
        return self.proposals.retry(key, by=by, requester=requester, reason=reason)

    async def aundo(self, app: App, thread: str, *, requester: Principal) -> Undoing:
        """Do what `undo` does, on an event loop and with an asynchronous checkpointer."""
        for each in await to_its_end(lambda: self.proposals.open_threads(origin=thread)):
            await self.acarry_on(app, each)
        undoing = await to_its_end(lambda: self.proposals.undo(thread, requester=requester))
        if undoing.made:
            await self.acarry_on(app, undoing.made[0].thread)
        return undoing

    def carry_on(self, app: App, thread: str) -> None:
        """Run a thread of proposals where it has not begun or was broken off."""
        config, first = _config(thread), self.proposals.of(thread)[0]
        state = app.get_state(config)
        if _is_left(state):
            with acting_as(Principal(id=first.requester)):
                app.invoke(_given(state, first), config)

    async def acarry_on(self, app: App, thread: str) -> None:
        """Do what `carry_on` does, on an event loop and with an asynchronous checkpointer."""
        config, proposed = _config(thread), await to_its_end(lambda: self.proposals.of(thread))
        state = await app.aget_state(config)
        if _is_left(state):
            with acting_as(Principal(id=proposed[0].requester)):
                await app.ainvoke(_given(state, proposed[0]), config)

    def carry_on_all(self, app: App) -> None:
        """Begin what was proposed by a process that died before it began; one that fails waits."""
        for thread in self.proposals.open_threads():
            try:
                self.carry_on(app, thread)
            except Exception as error:  # noqa: BLE001 - whatever a graph raises, it is tried again
                _tell_broken(thread, error)

    async def acarry_on_all(self, app: App) -> None:
        """Do what `carry_on_all` does, on an event loop and with an asynchronous checkpointer."""
        try:
            left = await to_its_end(self.proposals.open_threads)
        except LedgerError as error:
            logger.warning("what is proposed cannot be read: %s", error)
            return
        for thread in left:
            try:
                await self.acarry_on(app, thread)
            except Exception as error:  # noqa: BLE001 - as above
                _tell_broken(thread, error)


def _tell_broken(thread: str, error: Exception) -> None:
    # What a foreign error says may hold values of the call, addresses and keys.
    logger.warning("thread %s: its run broke off (%s)", thread, type(error).__name__)


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}}


def _is_left(state: StateSnapshot) -> bool:
    return state.created_at is None or bool(state.tasks and not state.interrupts)


def _given(state: StateSnapshot, first: Proposal) -> dict[str, Any] | None:
    if state.created_at is not None:
        return None
    verb = "tried again" if first.kind == "retry" else "undone"
    text = f"{first.requester} wants what was called in thread {first.origin} {verb}."
    return {"messages": [HumanMessage(text, id=f"opening-{first.thread}")]}


def _with_inverses(tools: Sequence[BaseTool]) -> list[Any]:
    # What undoes a call may be undone itself, and so on. What the agent holds goes before.
    named, left = dict[str, BaseTool](), list(tools)
    for each in left:
        if each.name not in named:
            named[each.name] = each
            compensation = getattr(each, "compensation", None)
            left += [compensation.tool] if compensation else []
    return list(named.values())
