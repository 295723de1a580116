"""Owns what an operator hears of the agents and tools whose every call the policy denies."""

import logging
from collections.abc import Callable, Iterable

from bailiwick.policies.policy import Policy
from bailiwick.tools.declared.scoped import ScopedTool

logger = logging.getLogger(__name__)

_UNKNOWN = " and denies whatever it is about: name it in the schema and in a rule"
_MISFIT = (
    "the policy denies calls of %r: its schema declares %s; declare the tool's parameters in "
    "the type that is named like it"
)


class Strangers:
    """Log, once each, whom a policy does not know: only the model would read why each is denied.

    Args:
        policy: Returns the policy that decides now.
    """

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy
        self._told: set[tuple[str, ...]] = set()

    def tell(self, *, agents: Iterable[str], tools: Iterable[ScopedTool] = ()) -> None:
        """Log those that the policy does not know, or requires of a tool what that does not take.

        Args:
            agents: The names of agents.
            tools: What they hold.
        """
        policy = self._policy()
        for agent in agents:
            if policy.agents is not None and agent not in policy.agents:
                self._tell_once("the policy knows no agent named %r" + _UNKNOWN, agent)
        for tool in tools:
            if tool.name not in policy.tools:
                self._tell_once("the policy knows no tool named %r" + _UNKNOWN, tool.name)
            for misfit in policy.misfits(tool.name, tool.args_check.json_schema):
                self._tell_once(_MISFIT, tool.name, misfit)

    def _tell_once(self, sentence: str, *parts: str) -> None:
        if (sentence, *parts) not in self._told:
            self._told.add((sentence, *parts))
            logger.warning(sentence, *parts)
