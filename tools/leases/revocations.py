"""Owns the end of every lease: asked for behind the call's back, until Vault has confirmed it."""

import atexit
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from weakref import WeakSet

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.canonical import Json
from bailiwick.policies.errors import LedgerError, VaultError
from bailiwick.tools.leases import lease_records
from bailiwick.tools.leases import revocation_rows as rows
from bailiwick.tools.leases.ends import Ends
from bailiwick.tools.leases.lease_records import AHEAD, End
from bailiwick.tools.leases.ownership import HOLD, Ownership
from bailiwick.tools.leases.pending_ends import PendingEnd
from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.secrets.leases import Basis, Lease
from bailiwick.tools.vault import Vault

logger = logging.getLogger(__name__)

FIRST, LONGEST = 0.25, 60.0
"""Seconds before the next try: from the first, doubled each time, to the longest."""

DRAIN = 5.0
"""Seconds that closing waits for what is still to be revoked."""

EXIT = 2.0
"""Seconds that the end of a process that closes nothing waits for that, all in all."""


class Revocations:
    """End leases when their calls are over, without the calls waiting for it.

    Each lease stands in the ledger's database from the transaction that records it until Vault has
    confirmed its end: by its handles, without any secret. Threads end those of its own process
    with their own tokens, again and again until Vault confirms; what a process leaves behind, the
    next one ends by the handles, as `revocations.service`.

    Args:
        ledger: Where the leases stand.
        vault: Where they are ended.
        clock: Gives monotonic seconds.
    """

    def __init__(
        self, ledger: Ledger, vault: Vault, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._clock = clock
        self._ends = Ends(self._end, clock)
        self._ownership = Ownership(ledger, held=self._ends.untried, sweep=self.sweep, clock=clock)
        vault.before_closing(self)
        _open.add(self)

    def grant(self, call: ToolCall, lease: Lease, approvers: tuple[str, ...] = ()) -> None:
        """Record a lease, and that its end is still to come, in one transaction.

        Args:
            call: The call that holds it.
            lease: The lease.
            approvers: Who has approved the call.

        Raises:
            LedgerError: If the ledger cannot be written; release the lease then.
        """
        body = lease_records.handles(call, lease)
        entries = [lease_records.granted(call, lease, approvers)]
        if lease.is_spent:
            entries.append(lease_records.ended(body, "spent", tries=0))
        # A read's record may be lost with the machine's power: its lease ends by itself. What has
        # an effect on the world must stand with the lease that it was done with.
        flushes = call.tool.effect != "read"
        self._write(call.thread, lease, body, entries, flushes=flushes)

    def stand_by(self, basis: Basis, lease: Lease) -> None:
        """Record a child that waits for a call, and that its end is still to come.

        Raises:
            LedgerError: If the ledger cannot be written; release the lease then.
        """
        body = lease_records.waiting(basis, lease)
        self._write(AHEAD, lease, body, [lease_records.ready(basis, lease)], flushes=False)

    def release(self, lease: Lease, *, after: float = 0) -> None:
        """Have a lease ended soon, and its credential now.

        Args:
            lease: The lease.
            after: Seconds for which another call may still retain it; its credential stays then.
        """
        if after <= 0:
            lease.credential.end()
        self._ends.release(lease.accessor, max(after, 0))

    def retain(self, lease: Lease) -> bool:
        """Keep a lease that was to end later; tell whether that came in time."""
        return self._ends.retain(lease.accessor)

    def take_back(self, call: ToolCall, lease: Lease) -> None:
        """See to the end of a lease that no call could use; it is told of as any other."""
        try:
            self.grant(call, lease)
        except LedgerError as error:
            logger.warning("lease %s ends by its time alone: %s", lease.accessor, error)
        self.release(lease)

    def drain(self, seconds: float = DRAIN) -> bool:
        """Wait until every lease that was given back has ended; tell whether they all have.

        In a fork there are none: those of its parent are the parent's to end.
        """
        return not self._vault.is_here or self._ends.drain(seconds)

    def sweep(self) -> int:
        """Take over what processes that are gone have left behind, if it may be ended from here.

        Where this process found the database away just now, it takes over nothing for a while:
        nobody could say there that they are alive.

        Returns:
            How many leases that are; there may be more where it is not 0.

        Raises:
            LedgerError: If the ledger's database fails.
        """
        claimed = self._ownership.claim() if self._vault.can_sweep else []
        for left in claimed:
            self._hold(PendingEnd.left(left, now=self._clock()))
        return len(claimed)

    def close(self, seconds: float = DRAIN) -> None:
        """Wait a while for what is still to end, and leave the rest to the next process."""
        self.drain(seconds)
        self._ownership.close()
        self._ends.close(seconds)
        _open.discard(self)

    def _write(
        self,
        thread: str,
        lease: Lease,
        body: Mapping[str, Json],
        entries: Sequence[Entry],
        *,
        flushes: bool,
    ) -> None:
        if not lease.is_spent:
            self._hold(PendingEnd.of(lease, body, thread=thread, now=self._clock()))
        with self._ledger.transaction(flushes=flushes) as connection:
            self._ledger.lock(connection, thread)
            if not lease.is_spent:
                rows.hold(connection, body, thread=thread, ttl=lease.ttl, seconds=HOLD)
            elif lease.is_ahead:
                rows.settle(connection, lease.accessor)
            self._ledger.append(connection, thread, *entries)
        if lease.is_spent and lease.is_ahead:
            self._ends.forget(lease.accessor)

    def _hold(self, held: PendingEnd) -> None:
        self._ends.hold(held)
        self._ownership.begin()

    def _end(self, held: PendingEnd) -> None:
        is_over = self._clock() > held.ends
        held.tries += 1
        # Before the try: a ledger that fails must not have Vault asked without a pause.
        held.due = self._clock() + min(FIRST * 2 ** (held.tries - 1), LONGEST)
        end: End = "expired" if is_over else "revoked"
        try:
            if not self._ask(held, is_over=is_over) and not is_over:
                end = "gone"
        except VaultError as error:
            if not is_over or self._vault.can_sweep:
                self._postpone(held, str(error))
                return
            self._settle(held, "unknown", str(error))
            return
        self._settle(held, end)

    def _ask(self, held: PendingEnd, *, is_over: bool) -> bool:
        if held.lease is None:
            return self._vault.end(held.accessor, held.lease_id)
        try:
            self._vault.revoke(held.lease)
        except VaultError:
            # By then its own token is of no use any more.
            if not is_over or not self._vault.can_sweep:
                raise
            self._vault.end(held.accessor, held.lease_id)
        return True

    def _settle(self, held: PendingEnd, end: End, failure: str | None = None) -> None:
        with self._ledger.transaction(flushes=False) as connection:
            self._ledger.lock(connection, held.thread)
            # Somebody else may have seen to it, or it was never recorded.
            if rows.settle(connection, held.accessor):
                entry = lease_records.ended(held.body, end, tries=held.tries, failure=failure)
                self._ledger.append(connection, held.thread, entry)
        self._ends.forget(held.accessor)

    def _postpone(self, held: PendingEnd, failure: str) -> None:
        if held.tries == 1:
            logger.warning("lease %s is not revoked yet: %s", held.accessor, failure)
        pause = (held.due or self._clock()) - self._clock()
        with self._ledger.transaction(flushes=False) as connection:
            rows.postpone(connection, held.accessor, failure, pause + HOLD)


def _exit() -> None:
    deadline = time.monotonic() + EXIT
    for revocations in list(_open):
        revocations.drain(max(deadline - time.monotonic(), 0))


_open = WeakSet[Revocations]()
atexit.register(_exit)
