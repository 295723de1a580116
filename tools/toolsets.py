"""Owns an agent's governed tools: from the model's request to the message that answers it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage
from langchain_core.messages import ToolCall as RequestedCall
from langchain_core.runnables import RunnableConfig
from pydantic import ValidationError

from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.canonical import canonical, composed, plain_record
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.delegation import current
from bailiwick.tools.effects.branches import BRANCHED, Branch, taken
from bailiwick.tools.locations import Location
from bailiwick.tools.people.asking import ask, withdraw
from bailiwick.tools.people.following import Next
from bailiwick.tools.people.requests import request_key
from bailiwick.tools.people.withdrawals import WENT_ON
from bailiwick.tools.results import ToolResult
from bailiwick.tools.saved import apoints, asaved_way, points, saved_way
from bailiwick.tools.tracing import atraced, traced

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard

logger = logging.getLogger(__name__)

_UNREADABLE = "Its arguments cannot be written down as JSON, so nobody could decide on them."
_UNSAVED = "That it was asked for could not be saved, so a crash could have it run twice."


@dataclass(frozen=True, slots=True)
class Prepared:
    """Hold a requested call as it would be executed, or why it cannot be.

    Attributes:
        call: The call, its arguments checked and converted where they fit.
        tool: The tool, if the agent holds one of that name.
        problem: Why the call cannot run whatever the policy says; empty if it can.
        request: The key of the person's message that it is for; empty where it is not known.
    """

    call: ToolCall
    tool: ScopedTool | None
    problem: str = ""
    request: str = ""


class Toolset:
    """Hold one agent's scoped tools and run them under a guard.

    Args:
        guard: The guard.
        tools: The tools, each a scoped one.
        agent: The agent's name; left out, it is the one the current hand-off went to.

    Attributes:
        off_loop: Does what uses the ledger without holding up an event loop.

    Raises:
        ScopeError: If a tool is not scoped, or needs a credential and the guard has no vault.
    """

    def __init__(self, guard: "Guard", tools: Sequence[object], *, agent: str | None) -> None:
        self.guard = guard
        self.agent = agent
        self.tools = _by_name(_scoped(tool, guard) for tool in tools)
        self.off_loop = guard.ledger.off_loop
        guard.strangers.tell(agents=() if agent is None else (agent,), tools=self.tools.values())

    def prepare(
        self, requested: RequestedCall, config: RunnableConfig, origin: str, request: str = ""
    ) -> Prepared:
        """Turn the model's request into the exact call that rules and people decide on.

        Args:
            requested: The model's tool call.
            config: The config of the node that asks.
            origin: What tells this request from an equal one: the id of the model's message.
            request: The key of the person's message that the model works on, where it is known.
        """
        location = Location.of(config)
        agent = self.agent or location.agent
        tool = self.tools.get(requested["name"])
        name = requested["name"].encode(errors="replace").decode()
        written, problem = _frozen(requested["args"])
        args = written
        if agent is None:
            problem = "No agent holds it: name one with guard.bind(tools, agent=...)."
        elif tool is None:
            problem = f"{agent!r} holds no tool {name!r}: it holds {self._held}."
        elif not problem:
            args, problem = _check(tool, written)
        call = ToolCall(
            id=requested["id"] or "",
            thread=location.thread,
            namespace=f"{location.namespace}#{origin}",
            requester=self.guard.requester(location, request),
            chain=location.chain,
            agent=agent or "",
            tool=tool.use if tool else _unknown(name),
            args=args,
            written=written,
        )
        return Prepared(call, tool, problem, request or location.request)

    async def aprepare(
        self, requested: RequestedCall, config: RunnableConfig, origin: str, request: str
    ) -> Prepared:
        """Do what `prepare` does, on an event loop."""
        if self.guard.requests.is_known(Location.of(config).thread, request):
            return self.prepare(requested, config, origin, request)
        return await self.off_loop(lambda: self.prepare(requested, config, origin, request))

    def request_of(self, messages: Sequence[BaseMessage]) -> str:
        """Return the key of the person's message; empty where a supervisor says who asked."""
        delegation = current()
        if delegation is None:
            return request_key(messages)
        return delegation.request if delegation.requester is None else ""

    def note_request(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> None:
        """Write down who asked, before the model has any part in it."""
        self.guard.requester(Location.of(config), self.request_of(messages))

    async def anote_request(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> None:
        """Do what `note_request` does, on an event loop."""
        thread, request = Location.of(config).thread, self.request_of(messages)
        if not self.guard.requests.is_known(thread, request):
            await self.off_loop(lambda: self.note_request(messages, config))

    def waits(self, prepared: Prepared) -> bool:
        """Tell whether a person has to be asked before the call may run."""
        return not prepared.problem and self.guard.decide(prepared.call).verdict == "review"

    def ask(self, prepared: Prepared) -> Next | ToolResult:
        """Ask for the approvals a prepared call needs; see `bailiwick.tools.people.asking.ask`."""
        if prepared.tool is None or prepared.problem:
            return Next(node="execute")
        return ask(self.guard, prepared.call, prepared.tool)

    def withdraw(self, prepared: Prepared, reason: str = WENT_ON) -> ToolResult:
        """End what is open of a prepared call; see `bailiwick.tools.people.asking.withdraw`."""
        return withdraw(self.guard, prepared.call, reason)

    def run(self, prepared: Prepared, config: RunnableConfig) -> ToolResult:
        """Run a prepared call, or say why it did not run."""
        call, tool = prepared.call, prepared.tool
        if tool is None or prepared.problem:
            return self._refused(call, prepared.problem)
        branch = Branch(request=prepared.request)
        if self._runs_unasked(prepared):
            if (way := saved_way(config)) is None:
                return self._unsaved(call)
            if (found := points(config, way, self._taken(prepared))) is None:
                return self._refused(call, BRANCHED)
            branch = Branch(request=prepared.request, points=found)
        return traced(tool, call, config, lambda: self.guard.run(call, tool, branch))

    async def arun(self, prepared: Prepared, config: RunnableConfig) -> ToolResult:
        """Do what `run` does, on an event loop."""
        call, tool = prepared.call, prepared.tool
        if tool is None or prepared.problem:
            return await self.off_loop(lambda: self._refused(call, prepared.problem))
        branch = Branch(request=prepared.request)
        if self._runs_unasked(prepared):
            if (way := await asaved_way(config)) is None:
                return await self.off_loop(lambda: self._unsaved(call))
            last = await self.off_loop(lambda: self._taken(prepared))
            if (found := await apoints(config, way, last)) is None:
                return await self.off_loop(lambda: self._refused(call, BRANCHED))
            branch = Branch(request=prepared.request, points=found)
        return await atraced(tool, call, config, lambda: self.guard.arun(call, tool, branch))

    @property
    def _held(self) -> str:
        return ", ".join(self.tools) or "none"

    def _runs_unasked(self, prepared: Prepared) -> bool:
        # What somebody was asked about was saved with the question.
        call = prepared.call
        return call.tool.effect != "read" and self.guard.decide(call).verdict == "allow"

    def _taken(self, prepared: Prepared) -> dict[str, str]:
        return taken(self.guard.ledger, prepared.call.thread, prepared.request)

    def _unsaved(self, call: ToolCall) -> ToolResult:
        logger.error(
            "%s of %s did not run: that it was asked for is not saved. Look at the checkpoints' "
            "database; a graph compiled with checkpointer=False saves nothing, and a run with "
            "durability='exit' nothing in time",
            call.tool.name,
            call.agent,
        )
        return self.guard.refuse(call, _UNSAVED)

    def _refused(self, call: ToolCall, reason: str) -> ToolResult:
        # It may have run before: when its tool was there, or on the branch that this one left.
        if begun := self.guard.calls.begun(call):
            return ToolResult.standing(call.tool.name, begun)
        self.guard.approvals.supersede(call, self.guard.policy.version)
        return self.guard.refuse(call, reason)


def _by_name(tools: Iterable[ScopedTool]) -> dict[str, ScopedTool]:
    named: dict[str, ScopedTool] = {}
    for tool in tools:
        if named.setdefault(tool.name, tool) is not tool:
            raise ScopeError(f"two tools are named {tool.name!r}: name one with scoped_tool(name=)")
    return named


def _scoped(tool: object, guard: "Guard") -> ScopedTool:
    if not isinstance(tool, ScopedTool):
        name = getattr(tool, "name", None) or getattr(tool, "__name__", tool)
        raise ScopeError(f"{name!r} is not scoped: declare it with scoped_tool(..., effect=...)")
    if tool.scope is not None and guard.vault is None:
        raise ScopeError(f"{tool.name!r} needs a credential: give the guard a vault (VAULT_ADDR)")
    return tool


def _unknown(name: str) -> ToolUse:
    return ToolUse(name=name, version="unknown", effect="destructive")


def _frozen(args: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return a copy, which nobody can change after it was decided, or why there is none.

    Its text is in the form in which it is shown and decided on.
    """
    try:
        _ = canonical(plain_record(args))
        return composed(args), ""
    except (TypeError, ValueError, RecursionError):
        return {}, _UNREADABLE


def _check(tool: ScopedTool, args: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    try:
        return tool.validate_args(args), ""
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        return args, f"Its arguments do not fit: {faults}."
    except ValueError as error:
        return args, f"Its arguments do not fit: {error}."
