"""Owns what a process knows of a lease whose end it sees to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from bailiwick.policies.canonical import Json
from bailiwick.tools.leases.revocation_rows import OpenLease
from bailiwick.tools.secrets.leases import Lease


@dataclass(slots=True, kw_only=True, eq=False)
class PendingEnd:
    """Hold a lease whose end this process sees to.

    Attributes:
        accessor: Its token's handle.
        lease_id: Vault's lease of what it was given; empty where there is none.
        thread: The thread of its call.
        body: Whose it is, as the ledger says it.
        ends: When Vault ends it by itself, in monotonic seconds.
        lease: The lease with its token, where it is of this process.
        due: When to ask for its end next; None while its call is under way.
        tries: How often its end was asked for.
        is_ending: Whether its end has been begun: no call can have it any more.
        is_asked: Whether its end is asked for just now.
    """

    accessor: str
    lease_id: str
    thread: str
    body: Mapping[str, Json]
    ends: float
    lease: Lease | None = field(default=None, repr=False)
    due: float | None = None
    tries: int = 0
    is_ending: bool = False
    is_asked: bool = False

    @classmethod
    def of(cls, lease: Lease, body: Mapping[str, Json], *, thread: str, now: float) -> Self:
        """Return what is known of a lease of this process, whose call is under way."""
        return cls(
            accessor=lease.accessor,
            lease_id=lease.lease_id,
            thread=thread,
            body=body,
            ends=now + lease.ttl,
            lease=lease,
        )

    @classmethod
    def left(cls, left: OpenLease, *, now: float) -> Self:
        """Return what is known of a lease that another process has left behind: it is due."""
        return cls(
            accessor=left.accessor,
            lease_id=left.lease_id,
            thread=left.thread,
            body=left.body,
            ends=now + left.left,
            due=now,
            tries=left.tries,
        )
