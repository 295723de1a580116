"""Owns `auth/token`: the looking up, prolonging and ending of tokens, beside their making."""

from collections.abc import Sequence

from bailiwick.tools.devvault.authority import AclOf
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.refusals import Refusal, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.token_creation import OfAlias, TokenCreation, caller_of
from bailiwick.tools.devvault.token_roles import TokenRoles
from bailiwick.tools.devvault.tokens import Token, TokenStore, iso


class TokenMethod:
    """Answer everything below `auth/token/`."""

    def __init__(self, tokens: TokenStore, acl: AclOf, of_alias: OfAlias) -> None:
        self._tokens = tokens
        self._roles = TokenRoles()
        self._creation = TokenCreation(tokens, self._roles, acl, of_alias)

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the token method."""
        return (
            *self._creation.routes,
            Route(pattern=r"revoke-self", update=self._revoke_self),
            Route(pattern=r"lookup-self", read=self._lookup_self, update=self._lookup_self),
            Route(pattern=r"renew-self", update=self._renew_self),
            Route(pattern=r"lookup(?:/(?P<token>.+))?", read=self._lookup, update=self._lookup),
            Route(pattern=r"lookup-accessor", update=self._lookup_accessor),
            Route(pattern=r"renew(?:/(?P<token>.+))?", update=self._renew),
            Route(pattern=r"renew-accessor", update=self._renew_accessor),
            Route(pattern=r"revoke(?:/(?P<token>.+))?", update=self._revoke),
            Route(pattern=r"revoke-accessor", update=self._revoke_accessor),
            Route(pattern=r"tidy", update=lambda _: Answer(status=202), is_sudo=True),
            Route(
                pattern=r"revoke-orphan(?:/(?P<token>.+))?",
                update=self._revoke_orphan,
                is_sudo=True,
            ),
            Route(pattern=r"accessors/?", list=self._accessors, is_sudo=True),
            *self._roles.routes,
        )

    def _lookup_self(self, request: Request) -> Answer:
        return self._shown(caller_of(request))

    def _lookup(self, request: Request) -> Answer:
        token = self._tokens.find(_named(request))
        if token is None:
            raise Refusal(403, "bad token")
        return self._shown(token)

    def _lookup_accessor(self, request: Request) -> Answer:
        token = self._by_accessor(request)
        if token is None:
            raise invalid("invalid accessor")
        return self._shown(token, hide_id=True)

    def _renew_self(self, request: Request) -> Answer:
        return self._renewed(caller_of(request), request)

    def _renew(self, request: Request) -> Answer:
        token = self._tokens.find(_named(request))
        if token is None:
            raise Refusal(403, "token not found")
        return self._renewed(token, request)

    def _renew_accessor(self, request: Request) -> Answer:
        token = self._by_accessor(request)
        if token is None:
            raise invalid("invalid accessor")
        answer = self._renewed(token, request)
        return Answer(auth={**(answer.auth or {}), "client_token": ""})

    def _revoke_self(self, request: Request) -> Answer:
        return self._end(caller_of(request))

    def _revoke(self, request: Request) -> Answer:
        token = self._tokens.find(_named(request))
        return EMPTY if token is None else self._end(token)

    def _revoke_accessor(self, request: Request) -> Answer:
        token = self._by_accessor(request)
        if token is None:
            return Answer(warnings=["No token found with this accessor"])
        return self._end(token)

    def _end(self, token: Token) -> Answer:
        if token.kind == "batch":
            raise invalid("batch tokens cannot be revoked")
        self._tokens.revoke(token)
        return EMPTY

    def _revoke_orphan(self, request: Request) -> Answer:
        token = self._tokens.find(_named(request))
        if token is None:
            raise invalid("token to revoke not found")
        self._tokens.revoke(token, keep_children=True)
        return EMPTY

    def _accessors(self, _: Request) -> Answer:
        return keys(sorted(token.accessor for token in self._tokens if token.accessor))

    def _by_accessor(self, request: Request) -> Token | None:
        accessor = request.body.text("accessor")
        if not accessor:
            raise invalid("missing accessor")
        return self._tokens.find_accessor(accessor)

    def _renewed(self, token: Token, request: Request) -> Answer:
        if not token.renewable:
            raise invalid("lease is not renewable")
        left = self._tokens.renew(token, request.body.seconds("increment"))
        return Answer(auth={**self._tokens.auth_block(token), "lease_duration": left})

    def _shown(self, token: Token, *, hide_id: bool = False) -> Answer:
        now = self._tokens.now()
        shown: dict[str, object] = {
            "id": "" if hide_id else token.id,
            "accessor": token.accessor,
            "policies": list(token.policies),
            "path": token.path,
            "meta": dict(token.meta) or None,
            "display_name": token.display_name,
            "num_uses": token.num_uses,
            "orphan": not token.parent,
            "creation_time": int(token.created),
            "creation_ttl": token.ttl,
            "expire_time": iso(token.expires),
            "ttl": token.left(now),
            "explicit_max_ttl": token.explicit_max_ttl,
            "entity_id": token.entity_id,
            "type": token.kind,
        }
        return Answer(data={**shown, **self._more(token)})

    def _more(self, token: Token) -> dict[str, object]:
        shown: dict[str, object] = {}
        if token.ttl:
            shown |= {"renewable": token.renewable, "issue_time": iso(token.created)}
        if token.renewed is not None:
            shown |= {"last_renewal": iso(token.renewed), "last_renewal_time": int(token.renewed)}
        if token.entity_id:
            shown["identity_policies"] = list(self._tokens.identity_policies(token.entity_id))
        if token.bound_cidrs:
            shown["bound_cidrs"] = list(token.bound_cidrs)
        if token.role:
            shown["role"] = token.role
        if token.period:
            shown["period"] = token.period
        return shown


def _named(request: Request) -> str:
    token = request.body.text("token") or request.params.get("token", "")
    if not token:
        raise invalid("missing token ID")
    return token
