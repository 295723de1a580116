"""Owns the leases of calls: taken for one of them, or shared by the reads of one run."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.scopes import Scope
from bailiwick.tools.leases import lease_records
from bailiwick.tools.leases.pools import Pools
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.locations import UNTHREADED
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.leases import Basis, Lease
from bailiwick.tools.vault import Vault

Authority: TypeAlias = tuple[object, ...]
"""What two calls must have in common to share a lease: everything that was decided on."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Shared:
    """Hold a lease that calls share.

    Attributes:
        authority: Which calls may join.
        lease: The lease, with a credential that no tool gets.
        until: From when on nobody may join, in monotonic seconds.
        users: How many calls hold it now.
    """

    authority: Authority
    lease: Lease
    until: float
    users: int = 1


class CallLeases:
    """Lease what calls need, record it, and see to its end.

    A lease is one call's own, unless its scope lasts for a run: then calls of one tool, of one
    thread, for one requester, under one policy and by one agent may share it for half of its time.
    The ledger tells of each. Where a scope has children made ahead, a call that needed no approval
    takes one; what a person approved has a child of its own that names the approver in Vault's
    audit, and ends those that were made before anybody was asked.

    Args:
        ledger: Where it is recorded.
        vault: Where it is leased.
        revocations: What ends it.
        pools: Where children wait that are made ahead; none are where it is left out.
        clock: Gives monotonic seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        revocations: Revocations,
        *,
        pools: Pools | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._revocations = revocations
        self._pools = pools
        self._clock = clock
        self._lock = threading.Lock()
        # By the lease: two calls that came at once have one each, for the same authority.
        self._shared: dict[str, _Shared] = {}

    def take(
        self, call: ToolCall, scope: Scope, *, approvers: tuple[str, ...], policy_version: str
    ) -> Lease:
        """Lease for a call; give it back when the call has ended.

        Args:
            call: The call.
            scope: What its tool needs.
            approvers: Who has approved the call.
            policy_version: The version of the policy that allowed it.

        Raises:
            ScopeError: If the scope or the tool's name cannot be used in Vault.
            VaultError: If no credential can be had.
            LedgerError: If it cannot be recorded; it is given back then.
        """
        if scope.ahead and self._pools is not None:
            basis = Basis(
                agent=call.agent, tool=call.tool, scope=scope, policy_version=policy_version
            )
            return self._ahead(self._pools, call, basis, approvers)
        # Without a thread nothing tells one conversation from the next.
        if scope.lasts == "call" or call.thread == UNTHREADED:
            return self.take_alone(call, scope, approvers)
        authority = _authority(call, approvers, policy_version)
        lease = self._join(authority)
        if lease is not None:
            return self._recorded(call, lease)
        lease = self.take_alone(call, scope, approvers)
        with self._lock:
            until = self._clock() + lease.ttl / 2
            shared = _Shared(authority=authority, lease=lease, until=until)
            self._shared[lease.accessor] = shared
        return _for_one_call(lease)

    def give_back(self, lease: Lease) -> None:
        """End a call's credential now, and its lease soon, or when nobody shares it any more."""
        lease.credential.end()
        with self._lock:
            shared = self._shared.get(lease.accessor)
            if shared is None:
                self._revocations.release(lease)
                return
            shared.users -= 1
            if not shared.users:
                self._revocations.release(shared.lease, after=shared.until - self._clock())

    def take_alone(self, call: ToolCall, scope: Scope, approvers: tuple[str, ...] = ()) -> Lease:
        """Do what `take` does, with a lease that nobody shares and that was not made ahead."""
        lease = self._vault.lease(
            scope,
            agent=call.agent,
            tool=call.tool.name,
            meta=lease_records.meta(call, approvers),
            left_behind=lambda left: self._revocations.take_back(call, left),
        )
        return self._granted(call, lease, approvers)

    def _ahead(
        self, pools: Pools, call: ToolCall, basis: Basis, approvers: tuple[str, ...]
    ) -> Lease:
        if approvers:
            pools.drop(basis)
            return self.take_alone(call, basis.scope, approvers)
        lease = pools.open(basis)
        if lease is None:
            lease = self.take_alone(call, basis.scope, approvers)
        else:
            self._granted(call, lease, approvers)
        pools.fill(basis)
        return lease

    def _granted(self, call: ToolCall, lease: Lease, approvers: tuple[str, ...]) -> Lease:
        try:
            self._revocations.grant(call, lease, approvers)
        except BaseException:
            self._revocations.release(lease)
            raise
        return lease

    def _join(self, authority: Authority) -> Lease | None:
        with self._lock:
            now = self._clock()
            self._shared = {k: s for k, s in self._shared.items() if s.users or s.until > now}
            for shared in list(self._shared.values()):
                if shared.authority != authority or shared.until <= now:
                    continue
                if self._revocations.retain(shared.lease):
                    shared.users += 1
                    return _for_one_call(shared.lease)
                del self._shared[shared.lease.accessor]
            return None

    def _recorded(self, call: ToolCall, lease: Lease) -> Lease:
        try:
            with self._ledger.transaction(flushes=False) as connection:
                self._ledger.append(connection, call.thread, lease_records.reused(call, lease))
        except BaseException:
            self.give_back(lease)
            raise
        return lease


def _for_one_call(lease: Lease) -> Lease:
    return replace(lease, credential=lease.credential.another())


def _authority(call: ToolCall, approvers: tuple[str, ...], policy_version: str) -> Authority:
    who = (call.thread, call.requester, call.chain, call.agent)
    return (*who, call.tool.name, call.tool.version, approvers, policy_version)
