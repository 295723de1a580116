"""Owns an auth method that takes a platform's tokens, as Vault's `kubernetes` and `jwt` do.

The form of https://developer.hashicorp.com/vault/api-docs/auth/kubernetes and `/auth/jwt`: a role
says which policies its logins have, a login brings the role's name and the platform's token. What
the cluster or the issuer would be asked is a set of tokens here.
"""

from collections.abc import Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.mounts import Mount
from bailiwick.tools.devvault.refusals import denied, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import Token, TokenStore, random_text

GOOD_JWTS: set[str] = set()
"""What the platform vouches for now."""


class PlatformMethod:
    """Answer the two paths that a login by a platform's token takes."""

    def __init__(self, mount: Mount, tokens: TokenStore, identities: IdentityStore) -> None:
        self._mount = mount
        self._tokens = tokens
        self._identities = identities
        self._roles: dict[str, Fields] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below the mount."""
        return (
            Route(pattern=r"role/(?P<name>[^/]+)", update=self._write),
            Route(pattern=r"login", update=self._login, is_open=True),
        )

    def _write(self, request: Request) -> Answer:
        self._roles[request.params["name"]] = request.body
        return EMPTY

    def _login(self, request: Request) -> Answer:
        name, jwt = request.body.text("role"), request.body.text("jwt")
        if not jwt:
            raise invalid("missing jwt")
        if name not in self._roles:
            raise invalid(f'invalid role name "{name}"')
        if jwt not in GOOD_JWTS:
            raise denied()
        role = self._roles[name]
        token = self._tokens.add(
            Token(
                id=self._tokens.new_id(),
                accessor=random_text(),
                policies=tuple(role.strings("token_policies")),
                path=request.path,
                entity_id=self._identities.of_login(self._mount, name),
                renewable=True,
                ttl=role.seconds("token_ttl"),
                max_ttl=role.seconds("token_max_ttl"),
            )
        )
        return Answer(auth=self._tokens.auth_block(token))
