"""Owns the AppRole auth method: roles, their secret ids, and the login with both."""

from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.approle_roles import Role, SecretId, shown_settings
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import invalid, nothing_there
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import (
    Lifetime,
    Token,
    TokenStore,
    auth_block,
    random_text,
    token_id,
)


class AppRoleMethod:
    """Answer everything below the mount of an AppRole auth method."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens
        self._roles: dict[str, Role] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the method."""
        role = r"role/(?P<name>[^/]+)"
        return (
            Route(pattern="login", update=self._login, is_open=True),
            Route(pattern=r"role/?", list=lambda _: keys(sorted(self._roles))),
            Route(
                pattern=role,
                read=self._read,
                update=self._write,
                delete=self._delete,
                exists=lambda request: request.params["name"].lower() in self._roles,
            ),
            Route(pattern=f"{role}/role-id", read=self._role_id, update=self._set_role_id),
            Route(pattern=f"{role}/secret-id/?", list=self._accessors, update=self._new_secret_id),
            Route(pattern=f"{role}/custom-secret-id", update=self._new_secret_id),
            *self._secret_id_routes(f"{role}/secret-id", self._by_id),
            *self._secret_id_routes(f"{role}/secret-id-accessor", self._by_accessor),
        )

    def _secret_id_routes(
        self, prefix: str, find: Callable[[Request], SecretId | None]
    ) -> Sequence[Route]:
        def lookup(request: Request) -> Answer:
            secret_id = find(request)
            if secret_id is None:
                return EMPTY if prefix.endswith("/secret-id") else _no_accessor()
            return Answer(data=secret_id.shown)

        def destroy(request: Request) -> Answer:
            secret_id = find(request)
            if secret_id is None:
                return _no_accessor()
            del self._named(request).secret_ids[secret_id.id]
            return EMPTY

        return (
            Route(pattern=f"{prefix}/lookup", update=lookup),
            Route(pattern=f"{prefix}/destroy", update=destroy, delete=destroy),
        )

    def _login(self, request: Request) -> Answer:
        role_id, secret_id = request.body.text("role_id"), request.body.text("secret_id")
        if not role_id:
            raise invalid("missing role_id")
        role = next((role for role in self._roles.values() if role.role_id == role_id), None)
        if role is None:
            raise invalid("invalid role or secret ID")
        metadata = {"role_name": role.name}
        if role.settings.boolean("bind_secret_id", default=True):
            metadata |= role.spend(secret_id, self._tokens.now()).metadata
        token = self._tokens.add(_token(role, metadata, request.path))
        return Answer(auth=auth_block(token))

    def _named(self, request: Request) -> Role:
        role = self._roles.get(request.params["name"].lower())
        if role is None:
            raise nothing_there()
        return role

    def _read(self, request: Request) -> Answer:
        return Answer(data=shown_settings(self._named(request).settings))

    def _write(self, request: Request) -> Answer:
        name = request.params["name"].lower()
        known = self._roles.get(name) or Role(name=name)
        settings = Fields({**known.settings, **request.body})
        if 0 < settings.seconds("token_max_ttl") < settings.seconds("token_ttl"):
            raise invalid("token_ttl should not be greater than token_max_ttl")
        shown_settings(settings)
        known.settings = settings
        known.role_id = request.body.text("role_id") or known.role_id
        self._roles[name] = known
        return EMPTY

    def _delete(self, request: Request) -> Answer:
        self._roles.pop(request.params["name"].lower(), None)
        return EMPTY

    def _role_id(self, request: Request) -> Answer:
        return Answer(data={"role_id": self._named(request).role_id})

    def _set_role_id(self, request: Request) -> Answer:
        role_id = request.body.text("role_id")
        if not role_id:
            raise invalid("missing role_id")
        self._named(request).role_id = role_id
        return EMPTY

    def _accessors(self, request: Request) -> Answer:
        return keys([secret_id.accessor for secret_id in self._named(request).secret_ids.values()])

    def _new_secret_id(self, request: Request) -> Answer:
        secret_id = self._named(request).issue(request.body, self._tokens.now())
        return Answer(
            data={
                "secret_id": secret_id.id,
                "secret_id_accessor": secret_id.accessor,
                "secret_id_ttl": secret_id.ttl,
                "secret_id_num_uses": secret_id.num_uses,
            }
        )

    def _by_id(self, request: Request) -> SecretId | None:
        return self._named(request).find(request.body.text("secret_id"), self._tokens.now())

    def _by_accessor(self, request: Request) -> SecretId | None:
        accessor = request.body.text("secret_id_accessor")
        return self._named(request).find_accessor(accessor, self._tokens.now())


def _token(role: Role, metadata: dict[str, str], path: str) -> Token:
    settings = role.settings
    lifetime = Lifetime(
        asked=settings.seconds("token_ttl"),
        explicit_max_ttl=settings.seconds("token_explicit_max_ttl"),
        period=settings.seconds("token_period"),
        max_ttl=settings.seconds("token_max_ttl"),
    )
    ttl, _ = lifetime.grant()
    policies = {name.lower() for name in settings.strings("token_policies")}
    if not settings.boolean("token_no_default_policy"):
        policies.add("default")
    return Token(
        id=token_id(),
        accessor=random_text(),
        policies=tuple(sorted(policies)),
        path=path,
        meta=metadata,
        display_name="approle",
        num_uses=settings.integer("token_num_uses"),
        renewable=True,
        ttl=ttl,
        explicit_max_ttl=lifetime.explicit_max_ttl,
        period=lifetime.period,
    )


def _no_accessor() -> Answer:
    return Answer(status=404, body={"errors": ["failed to find accessor entry for secret_id"]})
