"""Owns what a system says of a call in doubt, and the author's function that asks it."""

import inspect
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.signatures import (
    IDEMPOTENCY_KEY,
    credential_parameter,
    refuse_odd,
    type_hints,
)
from bailiwick.tools.secrets.credentials import Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Say what came of a call, as the system that it acted on knows it.

    Attributes:
        state: It took effect, nothing happened, or nobody can tell yet.
        result: What the tool would have returned, or why nothing happened.
    """

    state: Literal["succeeded", "failed", "unknown"]
    result: Any = None


Reconcile = Callable[..., Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Ask a system what came of a call: it looks, and changes nothing.

    Attributes:
        function: The author's function.
        parameters: Which of the call's arguments it takes.
        credential: The parameter that takes the secret, if it does.
        takes_key: Whether it takes the idempotency key.
    """

    function: Callable[..., object]
    parameters: frozenset[str]
    credential: str | None
    takes_key: bool

    @classmethod
    def of(
        cls, function: Reconcile, tool: str, args: AbstractSet[str], *, has_scope: bool
    ) -> "Reconciler":
        """Read what a function takes.

        Args:
            function: The function.
            tool: The tool's name.
            args: The names of the tool's arguments.
            has_scope: Whether the tool leases a credential.

        Raises:
            ScopeError: If it is asynchronous or takes what a call does not have.
        """
        refuse_odd(function)
        if inspect.iscoroutinefunction(function):
            raise ScopeError(
                f"the reconcile of {tool!r} is asynchronous: write a plain function, which is "
                "asked from a thread"
            )
        hints = type_hints(function, tool)
        secret = credential_parameter(hints, tool)
        if secret is not None and not has_scope:
            raise ScopeError(f"the reconcile of {tool!r} wants a credential, and {tool!r} has none")
        taken = inspect.signature(function).parameters
        named = frozenset(taken) - {secret, IDEMPOTENCY_KEY}
        if unknown := sorted(named - args):
            raise ScopeError(f"the reconcile of {tool!r} takes {unknown[0]!r}, which no call has")
        return cls(
            function=function,
            parameters=frozenset(str(name) for name in named),
            credential=secret,
            takes_key=IDEMPOTENCY_KEY in taken,
        )

    def ask(
        self, args: Mapping[str, Any], credential: Credential | None, idempotency_key: str
    ) -> Finding:
        """Ask about a call with these arguments.

        Raises:
            TypeError: If the function gives no finding.
        """
        given: dict[str, Any] = {name: args[name] for name in self.parameters}
        if self.credential is not None:
            given[self.credential] = credential
        if self.takes_key:
            given[IDEMPOTENCY_KEY] = idempotency_key
        match self.function(**given):
            case Finding(state="succeeded" | "failed" | "unknown") as finding:
                return finding
            case other:
                raise TypeError(f"a reconcile returns a Finding, not {type(other).__name__}")
