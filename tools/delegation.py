"""Owns what a specialist inherits from whoever called it: the chain of agents and the history."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from langchain_core.messages import BaseMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """Say who handed over to whom, and what the agent may read of the conversation.

    It travels in a context variable, never in state or config, which callers can write, and so
    the history is passed by reference: no checkpoint of the agent stores it a second time.

    Attributes:
        chain: The supervisors above the agent, outermost first.
        agent: The agent that was handed over to.
        requester: The id of the principal who asked; `None` where nothing is governed.
        request: The key of the person's message; empty where there is none.
        history: The conversation as the agent is to see it; empty if its input carries it.
    """

    chain: tuple[str, ...]
    agent: str
    requester: str | None = None
    request: str = ""
    history: Sequence[BaseMessage] = ()


_delegation: ContextVar[Delegation | None] = ContextVar("bailiwick_delegation", default=None)


def current() -> Delegation | None:
    """Return the delegation that this code runs under, if any."""
    return _delegation.get()


@contextmanager
def delegate(
    *,
    supervisor: str,
    agent: str,
    requester: str | None = None,
    request: str = "",
    history: Sequence[BaseMessage] = (),
) -> Generator[Delegation]:
    """Run an agent on behalf of a supervisor while the context lasts.

    The chain grows by the supervisor: a supervisor under a supervisor adds itself to what it was
    given. Whatever it is told to do is for the same request.
    """
    above = _delegation.get()
    chain = (*above.chain, supervisor) if above else (supervisor,)
    delegation = Delegation(
        chain=chain,
        agent=agent,
        requester=requester,
        request=above.request if above and above.request else request,
        history=history,
    )
    token = _delegation.set(delegation)
    try:
        yield delegation
    finally:
        _delegation.reset(token)


@contextmanager
def on_behalf(*, chain: tuple[str, ...], agent: str, requester: str) -> Generator[Delegation]:
    """Run an agent for a person as it ran below other agents, while the context lasts.

    Args:
        chain: The agents that were above it.
        agent: The agent.
        requester: The id of the person.
    """
    delegation = Delegation(chain=chain, agent=agent, requester=requester)
    token = _delegation.set(delegation)
    try:
        yield delegation
    finally:
        _delegation.reset(token)
