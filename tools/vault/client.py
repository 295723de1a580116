"""Owns the one door to Vault that guards are given: leases, and requests as an agent."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol, Self
from weakref import WeakKeyDictionary

from bailiwick.policies.scopes import Scope
from bailiwick.tools.secrets.leases import SWEEPER, Lease
from bailiwick.tools.vault.answers import PERFORMANCE_STANDBY, STANDBY, Answer
from bailiwick.tools.vault.leasing import Leasing
from bailiwick.tools.vault.methods import LoginMethod
from bailiwick.tools.vault.sessions import Sessions
from bailiwick.tools.vault.wire import Method, Wire


class Closable(Protocol):
    """Be something that has to be closed."""

    def close(self) -> None:
        """Close it."""
        ...


def _nothing(_: Lease) -> None:
    """Leave a child to its time."""


class Vault:
    """Lease credentials from Vault, one child token for one tool call.

    Safe to share between threads. It never retries what could lease twice: where an answer is
    lost, the child that it may have been about ends by its own time to live.

    Args:
        address: Where Vault listens, such as `https://vault.example:8200`.
        logins: What each agent logs in with; an AppRole, or what its platform gives it.
        timeout: Seconds to connect and to wait for an answer.
        verify: Whether to check the certificate, or the file of its authority.
        production: Whether to refuse development Vaults and unencrypted connections.
        namespace: The namespace that everything is done in; the root where left out.
        clock: Gives monotonic seconds.

    Raises:
        SettingsError: If the address is no address, or not one for production, or the namespace
            none.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of the operator
        self,
        address: str,
        *,
        logins: Mapping[str, LoginMethod],
        timeout: tuple[float, float] = (2.0, 5.0),
        verify: bool | str = True,
        production: bool = False,
        namespace: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire = Wire(
            address,
            timeout=timeout,
            verify=verify,
            production=production,
            namespace=namespace,
            clock=clock,
        )
        self._sessions = Sessions(self._wire, logins, clock)
        self._leasing = Leasing(self._wire, self._sessions, clock)
        self._can_sweep = SWEEPER in logins
        self._closables = WeakKeyDictionary[Closable, None]()

    def __repr__(self) -> str:
        return f"<Vault {self._wire.address!r}>"

    def lease(
        self,
        scope: Scope,
        *,
        agent: str,
        tool: str,
        meta: Mapping[str, str],
        left_behind: Callable[[Lease], None] = _nothing,
    ) -> Lease:
        """Lease what a scope names: two round trips once the agent is logged in.

        Args:
            scope: The secret and for how long.
            agent: The agent that calls; its AppRole must be known here.
            tool: The tool that it calls; its token role bounds the child.
            meta: What to write on the child for Vault's audit, beside agent and tool.
            left_behind: Gets a child that was made, is of no use, and could not be ended at once.

        Returns:
            The lease; what a tool may have of it is in its credential.

        Raises:
            ScopeError: If the scope or the tool's name cannot be used in Vault.
            VaultError: If no credential can be had.
        """
        return self._leasing.lease(
            scope, agent=agent, tool=tool, meta=meta, left_behind=left_behind
        )

    def make_ahead(self, scope: Scope, *, agent: str, tool: str, meta: Mapping[str, str]) -> Lease:
        """Make a child of one use that waits for a call; the secret is not read.

        Args:
            scope: The secret and for how long.
            agent: The agent whose call may come.
            tool: The tool that it may call.
            meta: What to write on the child for Vault's audit, beside agent and tool.

        Raises:
            ScopeError: If the scope or the tool's name cannot be used in Vault.
            VaultError: If no child can be had.
        """
        return self._leasing.make_ahead(scope, agent=agent, tool=tool, meta=meta)

    def open(self, child: Lease, scope: Scope) -> Lease | None:
        """Read a secret for a call with a child that was made ahead: one round trip.

        Returns:
            The lease, spent by then; or None where Vault refuses the child.

        Raises:
            VaultError: If the secret cannot be had.
        """
        return self._leasing.open(child, scope)

    def is_current(self, agent: str, child: Lease) -> bool:
        """Tell whether an agent is still logged in as it was when a child was made."""
        return self._sessions.is_current(agent, child.parent)

    def revoke(self, lease: Lease) -> None:
        """End a lease: its credential in any case, its token in Vault.

        Raises:
            VaultError: If Vault did not confirm; the token then ends by its own time to live.
        """
        self._leasing.revoke(lease)

    def end(self, accessor: str, lease_id: str = "") -> bool:
        """End a lease by its handles alone, as the service `revocations.service`.

        What is gone already is no error; the answer tells whether it was still there.

        Args:
            accessor: The child token's handle.
            lease_id: Vault's lease of what it was given, where there is one.

        Raises:
            VaultError: If Vault did not confirm, or there is no such service.
        """
        return self._leasing.end(accessor, lease_id)

    @property
    def can_sweep(self) -> bool:
        """Whether there is a service here that ends leases by their handles."""
        return self._can_sweep

    def before_closing(self, closable: Closable) -> None:
        """Close something first that needs this, if it is still there: the last named first."""
        self._closables[closable] = None

    def request(  # noqa: PLR0913 - a request has these parts
        self,
        method: Method,
        path: str,
        *,
        agent: str,
        to: str,
        json: Mapping[str, object] | None = None,
        wrap_ttl: int | None = None,
    ) -> Answer:
        """Make one request with an agent's own login, and return the answer, refusals included.

        Args:
            method: The HTTP method.
            path: The API path without `/v1/`, such as `transit/datakey/plaintext/checkpoints`.
            agent: Who asks; its AppRole must be known here.
            to: What is asked for, such as `make a data key`; it stands in errors.
            json: The body. A `SecretStr` in it is revealed to Vault alone, never to a traceback.
            wrap_ttl: Seconds for which to wrap the answer; not wrapped where left out.

        Raises:
            VaultError: If the agent cannot log in or there was no answer.
        """
        asked = self._sessions.request(
            method, path, agent=agent, to=to, json=json, wrap_ttl=wrap_ttl
        )
        return asked.answer

    def log_in(self) -> None:
        """Log in whoever's secret id is good for a short time only: at the start, then.

        Raises:
            VaultError: If one of them cannot log in.
        """
        self._sessions.log_in()

    def ping(self) -> None:
        """Return if Vault is there to lease from.

        Raises:
            VaultError: If it is down, sealed or not initialised, or has no namespaces where one is
                named, with the remedy.
        """
        answer = self._wire.health()
        if answer.status not in (STANDBY, PERFORMANCE_STANDBY):
            answer.check({})

    @property
    def is_here(self) -> bool:
        """Whether this is the process that made it, and no fork of that one."""
        return self._wire.opening.is_here

    def close(self) -> None:
        """Log every agent out, which ends what is still leased, and close the connections.

        A fork closes nothing: the logins are its parent's, who goes on with them.
        """
        if not self.is_here:
            return
        for closable in reversed(list(self._closables)):
            closable.close()
        self._sessions.close()
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
