"""Owns the children that are made ahead: they wait for calls, and end when none may take them."""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from bailiwick.policies.errors import LedgerError, VaultError
from bailiwick.tools.leases import lease_records
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.secrets.leases import Basis, Lease
from bailiwick.tools.vault import Vault

logger = logging.getLogger(__name__)

Place: TypeAlias = tuple[str, str]
"""An agent and a tool: what has a pool."""

LOOK = 1.0
"""Seconds after which those that wait are looked at again."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Pool:
    """Hold the children that wait for the calls of one tool of one agent.

    Attributes:
        basis: What they were made on; a call of any other takes none.
        children: Those that wait, the oldest first.
        is_short: Whether more shall be made.
    """

    basis: Basis
    children: deque[Lease] = field(default_factory=deque[Lease])
    is_short: bool = True


class Pools:
    """Keep children ready, so that a call waits for the reading of its secret alone.

    A child goes to one call. It is ended unused when it is past half of its time, when the policy
    or the tool has another version, when the agent has logged in anew, when Vault refuses another
    of its pool, and when all this is closed. One thread makes them, after a call has shown that
    they are needed and that Vault gives them; where nothing waits and none are needed, it ends.

    Args:
        vault: Where they are made.
        revocations: What records and ends them.
        policy_version: Tells which version of the policy decides now.
        clock: Gives monotonic seconds.
    """

    def __init__(
        self,
        vault: Vault,
        revocations: Revocations,
        policy_version: Callable[[], str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault = vault
        self._revocations = revocations
        self._policy_version = policy_version
        self._clock = clock
        self._changed = threading.Condition()
        self._pools: dict[Place, _Pool] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False
        # Closed before what ends its children, as it was named after it.
        vault.before_closing(self)

    def open(self, basis: Basis) -> Lease | None:
        """Read a call's secret with a child that waits, if one does and Vault still takes it.

        Returns:
            The lease, still to be recorded; or None where the call must lease for itself.

        Raises:
            VaultError: If the secret cannot be had.
        """
        child = self._take(basis)
        if child is None:
            return None
        lease: Lease | None = None
        try:
            lease = self._vault.open(child, basis.scope)
        finally:
            if lease is None:
                self.drop(basis)
                self._revocations.release(child)
        return lease

    def fill(self, basis: Basis) -> None:
        """Have children made until as many wait as the scope says."""
        with self._changed:
            pool = self._pools.get(_place(basis))
            if self._is_closed or basis.policy_version != self._policy_version():
                return
            if pool is None or pool.basis != basis:
                self._drop(_place(basis))
                pool = self._pools[_place(basis)] = _Pool(basis=basis)
            pool.is_short = len(pool.children) < basis.scope.ahead
            self._wake()

    def drop(self, basis: Basis) -> None:
        """End every child that waits for calls of a tool of an agent."""
        with self._changed:
            self._drop(_place(basis))

    def close(self) -> None:
        """End every child that waits, and make no more."""
        if not self._vault.is_here:
            return
        with self._changed:
            self._is_closed = True
            for place in list(self._pools):
                self._drop(place)
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _take(self, basis: Basis) -> Lease | None:
        with self._changed:
            pool = self._pools.get(_place(basis))
            if pool is not None and pool.basis != basis:
                self._drop(_place(basis))
            elif pool is not None:
                self._weed(pool)
                return pool.children.popleft() if pool.children else None
            return None

    def _drop(self, place: Place) -> None:
        # A child that is being made meanwhile finds its pool gone.
        pool = self._pools.pop(place, None)
        for child in pool.children if pool else ():
            self._revocations.release(child)

    def _weed(self, pool: _Pool) -> None:
        fit = [child for child in pool.children if self._is_fit(pool.basis, child)]
        for child in pool.children:
            if child not in fit:
                self._revocations.release(child)
        pool.children = deque(fit)

    def _is_fit(self, basis: Basis, child: Lease) -> bool:
        # A call needs time to use what it is given.
        return (
            child.deadline - self._clock() > child.ttl / 2
            and basis.policy_version == self._policy_version()
            and self._vault.is_current(basis.agent, child)
        )

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="lease-pools", daemon=True)
            self._thread.start()
            # A process that ends without closing anything leaves no child behind either. This comes
            # before what waits for the ends of leases, which was registered earlier.
            atexit.register(self.close)

    def _work(self) -> None:
        try:
            while (pool := self._next()) is not None:
                self._make(pool)
        finally:
            with self._changed:
                if self._thread in {None, threading.current_thread()}:
                    self._thread = None
                    atexit.unregister(self.close)

    def _next(self) -> _Pool | None:
        """Return a pool that is short of children, or nothing where none waits or is needed."""
        with self._changed:
            while not self._is_closed:
                for pool in self._pools.values():
                    self._weed(pool)
                if short := [pool for pool in self._pools.values() if pool.is_short]:
                    return short[0]
                if not any(pool.children for pool in self._pools.values()):
                    break
                self._changed.wait(LOOK)
            # Whoever needs children from now on starts another thread.
            self._thread = None
            return None

    def _make(self, pool: _Pool) -> None:
        basis, child = pool.basis, None
        is_recorded = False
        try:
            child = self._vault.make_ahead(
                basis.scope,
                agent=basis.agent,
                tool=basis.tool.name,
                meta=lease_records.meta_ahead(basis),
            )
            self._revocations.stand_by(basis, child)
            is_recorded = True
        except (VaultError, LedgerError) as error:
            # The next call that gets a credential has it tried again.
            logger.warning("no child of %s is made ahead: %s", basis.tool.name, error)
        with self._changed:
            is_wanted = self._pools.get(_place(basis)) is pool and is_recorded
            if child is not None and is_wanted and self._is_fit(basis, child):
                pool.children.append(child)
                pool.is_short = len(pool.children) < basis.scope.ahead
                return
            pool.is_short = False
        if child is not None:
            self._revocations.release(child)


def _place(basis: Basis) -> Place:
    return basis.agent, basis.tool.name
