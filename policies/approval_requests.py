"""Owns approval requests: what is asked of people, and how it is shown to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.canonical import Json, digest
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.grants import Grant
from bailiwick.policies.scopes import Scope
from bailiwick.policies.written import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """Ask people whether one exact call may run.

    Attributes:
        id: The request's id: the same for the same call, and for no other.
        digest: Binds the answer to the call; see `ToolCall.digest`.
        thread: The LangGraph thread.
        namespace: Where in the thread the call arose.
        tool_call_id: The model's tool call id.
        requester: The id of the principal who asked first.
        chain: The agents the request came through, without `agent`.
        agent: The agent that calls.
        tool: The tool it calls.
        args: The arguments as they will be executed.
        requirements: Every approval that is needed.
        rules: The ids of the rules that ask for them.
        reason: Why, in one sentence.
        scope: What the call will lease, if anything.
        description: What the tool's author says the call does.
        policy_version: The version of the policy that asks.
        created_at: Epoch seconds of the database's clock.
        expires_at: From when on it can be neither answered nor used; the same clock.
        place: Where the thread is kept, for whoever carries it on: a server, or here.
        askers: The ids of all who had asked for something in the thread by then: an agent acts on
            the whole conversation, so each of them may have asked for this.
    """

    id: str
    digest: str
    thread: str
    namespace: str
    tool_call_id: str
    requester: str
    chain: tuple[str, ...]
    agent: str
    tool: ToolUse
    args: Mapping[str, Json]
    requirements: tuple[Requirement, ...]
    rules: tuple[str, ...]
    reason: str
    scope: Scope | None
    description: str
    policy_version: str
    created_at: float
    expires_at: float
    place: str = ""
    askers: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        call: ToolCall,
        decision: Decision,
        *,
        scope: Scope | None,
        description: str,
        now: float,
    ) -> "ApprovalRequest":
        """Return the request for a call that a decision sends to review.

        Args:
            call: The call.
            decision: What the policy said, with at least one requirement.
            scope: What the call will lease.
            description: What the tool's author says the call does.
            now: Epoch seconds of the database's clock.
        """
        return cls(
            id=approval_id(call, decision.policy_version),
            digest=call.digest(decision.policy_version),
            thread=call.thread,
            namespace=call.namespace,
            tool_call_id=call.id,
            requester=call.requester,
            chain=call.chain,
            agent=call.agent,
            tool=call.tool,
            args=call.plain_args,
            requirements=decision.requirements,
            rules=decision.rules,
            reason=decision.reason,
            scope=scope,
            description=description,
            policy_version=decision.policy_version,
            created_at=now,
            expires_at=now + min(rule.expires for rule in decision.requirements),
        )

    def anew(self, given: Iterable[Grant]) -> "ApprovalRequest":
        """Return the request as the next person is asked it: bound to the thread's approvals.

        LangGraph keeps an answer that came without an interrupt's id for whatever asks next, and
        the next to run the thread may be the second person who is needed: not that one's word. What
        was approved on the record answered nothing in the thread, which goes on showing its
        question.
        """
        people = sorted(each.principal for each in given if each.in_thread)
        return replace(self, digest=digest([self.digest, *people])) if people else self

    def to_interrupt(self, given: Iterable[Grant] = ()) -> dict[str, Json]:
        """Return the value of the interrupt that waits for the answer.

        The form is LangChain's `tool_approval`, one interrupt for each call, and what a reviewer
        needs besides.

        Args:
            given: The approvals there are already.
        """
        return {
            "type": "tool_approval",
            "tool_call_id": self.tool_call_id,
            "name": self.tool.name,
            "args": dict(self.args),
            "description": self.description,
            "id": self.id,
            "action_digest": self.digest,
            "agent": self.agent,
            "chain": list(self.chain),
            "requester": self.requester,
            "reason": self.reason,
            "rules": [
                {
                    "id": rule.rule,
                    "reason": rule.reason,
                    "role": rule.role,
                    "quorum": rule.quorum,
                    "separate": rule.bars_requester(self.tool.effect),
                }
                for rule in self.requirements
            ],
            "approvals": [{"by": grant.principal, "role": grant.role} for grant in given],
            "credential": None
            if self.scope is None
            else {"kind": self.scope.kind, "path": self.scope.path, "ttl": self.scope.ttl},
            "expires_at": rfc3339(self.expires_at),
        }


def approval_id(call: ToolCall, policy_version: str) -> str:
    """Return the id of the request for one exact call, as 32 hex digits."""
    return call.digest(policy_version)[:32]
