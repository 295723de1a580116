"""Owns the AppRole auth method: roles, their secret ids, and the login with both."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bailiwick.tools.devvault.approle_roles import Role, SecretId, shown_settings
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.lockout import Lockout
from bailiwick.tools.devvault.login_tokens import Caller, check_token_settings, login_token
from bailiwick.tools.devvault.mounts import Mount
from bailiwick.tools.devvault.networks import is_within
from bailiwick.tools.devvault.refusals import Refusal, denied, existing, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import TokenStore

_FIELDS = (
    "bind_secret_id|local_secret_ids|secret_id_bound_cidrs|secret_id_num_uses|secret_id_ttl|"
    "token_bound_cidrs|token_max_ttl|token_num_uses|token_period|token_policies|token_ttl|"
    "token_type|token_explicit_max_ttl|token_no_default_policy"
).replace("_", "-")
_OLD_NAMES = {"policies": "token_policies", "period": "token_period"}


class Entities(Protocol):
    """Know who logs in."""

    def of_login(self, mount: Mount, alias_name: str) -> str:
        """Return the id of the entity with an alias, made where there is none.

        Raises:
            Refusal: With status 403, if the entity is disabled.
        """
        ...


class AppRoleMethod:
    """Answer everything below the mount of an AppRole auth method."""

    def __init__(self, mount: Mount, tokens: TokenStore, entities: Entities) -> None:
        self._mount = mount
        self._tokens = tokens
        self._entities = entities
        self._lockout = Lockout(tokens.now)
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
            Route(
                pattern=f"{role}/(?P<field>{_FIELDS}|policies|period)",
                read=self._read_field,
                update=self._write_field,
                delete=self._delete_field,
            ),
            Route(pattern=r"tidy/secret-id", update=self._tidy),
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
        metadata, bound = {"role_name": role.name}, role.settings.strings("token_bound_cidrs")
        if role.settings.boolean("bind_secret_id", default=True):
            spent = self._spend(role, secret_id, request.remote)
            metadata |= spent.metadata
            bound = spent.token_bound_cidrs or bound
        if not is_within(request.remote, role.settings.strings("token_bound_cidrs")):
            raise denied()
        entity_id = self._entities.of_login(self._mount, role.role_id)
        caller = Caller(entity_id=entity_id, path=request.path, metadata=metadata, bound=bound)
        token = self._tokens.add(login_token(self._mount, self._tokens, role.settings, caller))
        return Answer(auth=self._tokens.auth_block(token))

    def _spend(self, role: Role, secret_id: str, remote: str) -> SecretId:
        self._lockout.check(role.role_id)
        try:
            spent = role.spend(secret_id, self._tokens.now(), remote)
        except Refusal:
            self._lockout.failed(role.role_id)
            raise
        self._lockout.succeeded(role.role_id)
        return spent

    def _named(self, request: Request) -> Role:
        return existing(self._roles.get(request.params["name"].lower()))

    def _read(self, request: Request) -> Answer:
        return Answer(data=shown_settings(self._named(request).settings))

    def _read_field(self, request: Request) -> Answer:
        name, shown = _field(request), shown_settings(self._named(request).settings)
        return Answer(data={name: shown[name]})

    def _write_field(self, request: Request) -> Answer:
        name = _field(request)
        value = request.body.get(name, request.body.get(request.params["field"]))
        if value is None:
            raise invalid(f"missing {name}")
        return self._change(self._named(request), Fields({name: value}))

    def _delete_field(self, request: Request) -> Answer:
        self._named(request).settings.pop(_field(request), None)
        return EMPTY

    def _tidy(self, _: Request) -> Answer:
        for role in self._roles.values():
            for secret_id in list(role.secret_ids):
                role.find(secret_id, self._tokens.now())
        return Answer(status=202, warnings=["Tidy operation successfully started."])

    def _write(self, request: Request) -> Answer:
        name = request.params["name"].lower()
        role = self._roles.get(name) or Role(name=name)
        self._change(role, request.body)
        role.role_id = request.body.text("role_id") or role.role_id
        self._roles[name] = role
        return EMPTY

    def _change(self, role: Role, changes: Fields) -> Answer:
        settings = Fields({**role.settings, **_new_names(changes)})
        check_token_settings(settings)
        shown_settings(settings)
        role.settings = settings
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


def _field(request: Request) -> str:
    name = request.params["field"]
    return _OLD_NAMES.get(name, name.replace("-", "_"))


def _new_names(changes: Fields) -> Fields:
    return Fields({_OLD_NAMES.get(name, name): value for name, value in changes.items()})


def _no_accessor() -> Answer:
    return Answer(status=404, body={"errors": ["failed to find accessor entry for secret_id"]})
