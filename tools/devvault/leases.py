"""Owns the leases: which secrets are out, for how long, and what ends them."""

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from bailiwick.tools.devvault.envelope import Answer, Grant, Request
from bailiwick.tools.devvault.refusals import Refusal, invalid
from bailiwick.tools.devvault.tokens import LAST_USE, SYSTEM_MAX_TTL, Token, TokenStore, random_text

_TRIES = 6
_PAUSE = 10


@dataclass(slots=True, kw_only=True)
class Lease:
    """Hold one leased secret.

    Attributes:
        id: The path that gave it and an unguessable end.
        grant: What the engine said of it.
        owner: The token it dies with.
        issued: Unix time of its making.
        expires: Unix time of its end.
        renewed: Unix time of the last renewal, or None.
        failures: How often its end was tried in vain; after six tries it is irrevocable.
    """

    id: str
    grant: Grant = field(repr=False)
    owner: str = field(repr=False)
    issued: float
    expires: float
    renewed: float | None = None
    failures: int = 0

    @property
    def is_irrevocable(self) -> bool:
        """Whether nothing ends it any more but an operator."""
        return self.failures >= _TRIES


class LeaseStore:
    """Hold the leases and end them in time, with their token, or when told to.

    Time ends a lease when the next request comes: nothing runs while nobody asks.
    """

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens
        self._leases: dict[str, Lease] = {}
        self._ends: list[tuple[float, str]] = []
        tokens.watch(self._token_ended)

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self._leases.values()))

    def register(self, request: Request, answer: Answer, grant: Grant) -> tuple[Lease, int]:
        """Take in what an answer leases and return the lease and its seconds to live.

        Raises:
            Refusal: With status 400, if the caller's token ends with this request.
        """
        caller = request.caller
        if answer.auth is not None or caller is None:
            raise invalid("a lease needs a token to die with")
        if caller.num_uses == LAST_USE:
            grant.revoke()
            raise invalid(
                "Secret cannot be returned; token had one use left, so leased credentials were "
                "immediately revoked."
            )
        now = self._tokens.now()
        lease = Lease(
            id=f"{request.path}/{random_text()}",
            grant=grant,
            owner=caller.parent if caller.kind == "batch" and caller.parent else caller.id,
            issued=now,
            expires=now + grant.ttl,
        )
        self._leases[lease.id] = lease
        heapq.heappush(self._ends, (lease.expires, lease.id))
        return lease, grant.ttl

    def find(self, lease_id: str) -> Lease | None:
        """Return a live lease, or None."""
        self.sweep()
        return self._leases.get(lease_id)

    def renew(self, lease: Lease, increment: int) -> int:
        """Prolong a lease within its limits and return the seconds it has left."""
        now = self._tokens.now()
        room = int(lease.issued + (lease.grant.max_ttl or SYSTEM_MAX_TTL) - now)
        left = max(0, min(increment or lease.grant.ttl, room))
        if lease.grant.renew is not None:
            lease.grant.renew(left)
        lease.renewed, lease.expires = now, now + left
        heapq.heappush(self._ends, (lease.expires, lease.id))
        return left

    def revoke(self, lease: Lease, *, force: bool = False) -> None:
        """End a lease.

        Raises:
            Refusal: With status 400, if the engine could not; the lease stays, unless forced.
        """
        try:
            lease.grant.revoke()
        except Exception:  # noqa: BLE001 - whatever an engine meets, the lease is not ended
            if not force:
                lease.failures += 1
                raise invalid(f"failed to revoke entry: {lease.id}") from None
        self._leases.pop(lease.id, None)

    def revoke_prefix(self, prefix: str, *, force: bool = False) -> None:
        """End every lease and every token with a lease below a path.

        Raises:
            Refusal: With status 400, if an engine could not end one.
        """
        for lease in self:
            if lease.id.startswith(prefix):
                self.revoke(lease, force=force)
        for lease_id, token in list(self.token_leases()):
            if lease_id.startswith(prefix):
                self._tokens.revoke(token)

    def token_leases(self) -> Iterator[tuple[str, Token]]:
        """Return the tokens that end by time, each with the id of its lease."""
        for token in self._tokens:
            if token.expires is not None and token.kind == "service":
                digest = hashlib.sha256(token.id.encode()).hexdigest()
                yield f"{token.path}/h{digest}", token

    def sweep(self) -> None:
        """End every lease whose time is over; what an engine cannot end is tried again later."""
        now = self._tokens.now()
        while self._ends and self._ends[0][0] <= now:
            _, lease_id = heapq.heappop(self._ends)
            lease = self._leases.get(lease_id)
            if lease is not None and lease.expires <= now:
                self._end(lease)

    def _token_ended(self, token: Token) -> None:
        for lease in self:
            if lease.owner == token.id:
                self._end(lease)

    def _end(self, lease: Lease) -> None:
        try:
            self.revoke(lease)
        except Refusal:
            if not lease.is_irrevocable:
                later = self._tokens.now() + _PAUSE * 2**lease.failures
                lease.expires = later
                heapq.heappush(self._ends, (later, lease.id))
