"""Owns the paths of the leases: looking up, prolonging, ending, by id and by path."""

from collections.abc import Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.kv1 import level
from bailiwick.tools.devvault.leases import Lease, LeaseStore
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import Token, TokenStore, iso


class LeasePaths:
    """Answer `sys/leases`, and the shorter paths of old."""

    def __init__(self, leases: LeaseStore, tokens: TokenStore) -> None:
        self._leases = leases
        self._tokens = tokens

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            Route(pattern=r"leases/lookup", update=self._lookup),
            Route(pattern=r"leases/lookup/(?P<prefix>.*)", list=self._list, is_sudo=True),
            *self._ending("leases/"),
            *self._ending(""),
            Route(pattern=r"leases/tidy", update=lambda _: Answer(status=202)),
            Route(pattern=r"leases/count", read=self._count, is_sudo=True),
            Route(pattern=r"leases", read=self._irrevocable, is_sudo=True),
        )

    def _ending(self, prefix: str) -> Sequence[Route]:
        return (
            Route(pattern=rf"{prefix}renew(?:/(?P<id>.+))?", update=self._renew),
            Route(pattern=rf"{prefix}revoke(?:/(?P<id>.+))?", update=self._revoke),
            Route(
                pattern=rf"{prefix}revoke-prefix/(?P<prefix>.+)",
                update=lambda request: self._revoke_prefix(request, force=False),
                is_sudo=True,
            ),
            Route(
                pattern=rf"{prefix}revoke-force/(?P<prefix>.+)",
                update=lambda request: self._revoke_prefix(request, force=True),
                is_sudo=True,
            ),
        )

    def _lookup(self, request: Request) -> Answer:
        lease_id, found = self._named(request)
        if found is None:
            raise invalid("invalid lease")
        issued = found.issued if isinstance(found, Lease) else found.created
        renewable = found.grant.renewable if isinstance(found, Lease) else found.renewable
        left = 0 if found.expires is None else max(0, round(found.expires - self._tokens.now()))
        return Answer(
            data={
                "id": lease_id,
                "issue_time": iso(issued),
                "expire_time": iso(found.expires),
                "last_renewal": iso(found.renewed),
                "renewable": renewable,
                "ttl": left,
            }
        )

    def _list(self, request: Request) -> Answer:
        self._leases.sweep()
        ids = [lease.id for lease in self._leases]
        ids += [lease_id for lease_id, _ in self._leases.token_leases()]
        return keys(level(ids, request.params["prefix"]))

    def _renew(self, request: Request) -> Answer:
        lease_id, found = self._named(request)
        if found is None:
            raise invalid("lease not found")
        increment = request.body.seconds("increment")
        if isinstance(found, Token):
            if not found.renewable:
                raise invalid("lease is not renewable")
            left = self._tokens.renew(found, increment)
            return Answer(auth={**self._tokens.auth_block(found), "lease_duration": left})
        if not found.grant.renewable:
            raise invalid("lease is not renewable")
        left = self._leases.renew(found, increment)
        return Answer(lease_id=lease_id, renewable=True, lease_duration=left)

    def _revoke(self, request: Request) -> Answer:
        _, found = self._named(request)
        if isinstance(found, Token):
            self._tokens.revoke(found)
        elif found is not None:
            self._leases.revoke(found)
        return EMPTY if request.body.boolean("sync", default=True) else Answer(status=202)

    def _revoke_prefix(self, request: Request, *, force: bool) -> Answer:
        self._leases.revoke_prefix(request.params["prefix"], force=force)
        return EMPTY if request.body.boolean("sync", default=True) else Answer(status=202)

    def _count(self, request: Request) -> Answer:
        found = self._stuck() if request.query.get("type") == "irrevocable" else list(self._leases)
        counts: dict[str, int] = {}
        for lease in found:
            mount = f"{lease.id.partition('/')[0]}/"
            counts[mount] = counts.get(mount, 0) + 1
        return Answer(data={"lease_count": len(found), "counts": counts})

    def _irrevocable(self, _: Request) -> Answer:
        shown = [{"lease_id": lease.id, "error": "failed to revoke"} for lease in self._stuck()]
        return Answer(data={"lease_count": len(shown), "leases": shown})

    def _stuck(self) -> list[Lease]:
        return [lease for lease in self._leases if lease.is_irrevocable]

    def _named(self, request: Request) -> tuple[str, Lease | Token | None]:
        lease_id = request.body.text("lease_id") or request.params.get("id", "")
        if not lease_id:
            raise invalid("missing lease ID")
        lease = self._leases.find(lease_id)
        if lease is not None:
            return lease_id, lease
        tokens = (token for known, token in self._leases.token_leases() if known == lease_id)
        return lease_id, next(tokens, None)
