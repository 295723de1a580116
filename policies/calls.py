"""Owns the tool call as it is decided, approved, run and recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from bailiwick.policies.canonical import Json, digest, plain_record

if TYPE_CHECKING:
    from bailiwick.policies.decisions import Decision

Effect = Literal["read", "write", "destructive"]
"""What a tool does to the world: nothing, something that can be undone, something that cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """Describe the tool of a call as far as rules and approvals need it.

    Attributes:
        name: The tool's name, as the model sees it.
        version: A hash of the tool's schema, source and scope.
        effect: What it does to the world.
    """

    name: str
    version: str
    effect: Effect


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """State one exact call: who, on whose behalf, what, with which arguments.

    Attributes:
        id: The model's tool call id.
        thread: The LangGraph thread.
        namespace: Where in the thread the call arose; tells apart two calls with one id.
        requester: The id of the principal who asked.
        chain: The agents the request came through, from the supervisor down, without `agent`.
        agent: The agent that calls.
        tool: The tool it calls.
        args: The arguments as they will be executed, validated by the tool's schema.
        labels: Marks of where the arguments come from, such as `untrusted`.
        written: The arguments as the model or an editor wrote them; `args` where left out.
    """

    id: str
    thread: str
    namespace: str = ""
    requester: str
    chain: tuple[str, ...] = ()
    agent: str
    tool: ToolUse
    args: Mapping[str, object]
    labels: frozenset[str] = field(default_factory=frozenset)
    written: Mapping[str, object] | None = None

    @cached_property
    def plain_args(self) -> dict[str, Json]:
        """The arguments as plain JSON values."""
        return plain_record(self.args)

    @property
    def parties(self) -> dict[str, Json]:
        """Who calls which tool, on whose behalf, as the ledger's records say it."""
        return {
            "tool_call_id": self.id,
            "requester": self.requester,
            "chain": list(self.chain),
            "agent": self.agent,
            "tool": self.tool.name,
        }

    @cached_property
    def occurrence(self) -> str:
        """Where the call arose and what it is, as a digest: under any policy and tool version.

        By its arguments as they were written: what another version of its tool makes of them, with
        a default more for one, is the same call.
        """
        written = self.plain_args if self.written is None else plain_record(self.written)
        return digest([self.thread, self.namespace, self.id, self.tool.name, written])

    @cached_property
    def decided(self) -> "dict[str, Decision]":
        """What policies have said of exactly this call, given no approval, by their versions."""
        return {}

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    def digest(self, policy_version: str) -> str:
        """Bind this exact call to a policy version, as 64 hex digits of SHA-256.

        Any change of id, thread, namespace, chain, agent, tool, tool version, arguments or policy
        version changes the digest; key order, number spelling and Unicode form do not. Two equal
        calls have two digests: LangGraph keeps an answer that came without an interrupt's id for
        whatever asks next, and a second click would approve the second call. The requester is not
        part of it: whoever resumes a thread is seen as its requester, so the one who asked stands
        in the approval's record.
        """
        if (known := self._digests.get(policy_version)) is None:
            known = self._digests[policy_version] = digest(
                {
                    "id": self.id,
                    "namespace": self.namespace,
                    "thread": self.thread,
                    "chain": list(self.chain),
                    "agent": self.agent,
                    "tool": self.tool.name,
                    "tool_version": self.tool.version,
                    "args": self.plain_args,
                    "policy_version": policy_version,
                }
            )
        return known

    def with_args(self, args: Mapping[str, object]) -> "ToolCall":
        """Return the same call with other arguments: another call, to be decided anew."""
        return replace(self, args=args, written=None)
