"""Owns the auth methods that take a platform's tokens: configuration, roles, and the login."""

from collections.abc import Sequence

from bailiwick.tools.devvault.approle import Entities
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.login_tokens import Caller, check_token_settings, login_token
from bailiwick.tools.devvault.mounts import Mount
from bailiwick.tools.devvault.networks import is_within
from bailiwick.tools.devvault.platform_kinds import Platform
from bailiwick.tools.devvault.platform_tokens import check_driver
from bailiwick.tools.devvault.refusals import denied, existing, failed, invalid, nothing_there
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import TokenStore


class PlatformMethod:
    """Answer everything below the mount of such a method.

    Raises:
        Refusal: With status 400, if tokens cannot be checked here.
    """

    def __init__(
        self, mount: Mount, tokens: TokenStore, entities: Entities, platform: Platform
    ) -> None:
        check_driver()
        self._mount = mount
        self._tokens = tokens
        self._entities = entities
        self._platform = platform
        self._config = Fields()
        self._roles: dict[str, Fields] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the method."""
        return (
            Route(pattern="login", update=self._login, is_open=True),
            Route(pattern="config", read=self._read_config, update=self._configure),
            Route(pattern=r"role/?", list=lambda _: keys(sorted(self._roles))),
            Route(
                pattern=r"role/(?P<name>[^/]+)",
                read=self._read,
                update=self._write,
                delete=self._delete,
                exists=lambda request: _name(request) in self._roles,
            ),
        )

    def _configure(self, request: Request) -> Answer:
        self._config = Fields(self._platform.config(request.body))
        return EMPTY

    def _read_config(self, _: Request) -> Answer:
        if not self._config:
            raise nothing_there()
        return Answer(data=dict(self._config))

    def _read(self, request: Request) -> Answer:
        return Answer(data=dict(existing(self._roles.get(_name(request)))))

    def _write(self, request: Request) -> Answer:
        before = self._roles.get(_name(request)) or Fields()
        # A kind that is not said again is the default one again.
        kept = {name: value for name, value in before.items() if name != "role_type"}
        merged = Fields({**kept, **request.body})
        check_token_settings(merged)
        self._roles[_name(request)] = Fields(self._platform.role(merged))
        return EMPTY

    def _delete(self, request: Request) -> Answer:
        self._roles.pop(_name(request), None)
        return EMPTY

    def _login(self, request: Request) -> Answer:
        name = request.body.text("role") or self._config.text("default_role")
        jwt = request.body.text("jwt")
        for field, given in (("role", name), ("jwt", jwt)):
            if not given:
                raise invalid(f"missing {field}")
        role = self._roles.get(name.lower())
        if role is None:
            raise self._platform.unknown(name)
        bound = role.strings("token_bound_cidrs")
        if not is_within(request.remote, bound):
            raise denied()
        if not self._config:
            raise failed("could not load backend configuration")
        person = self._platform.person(self._config, role, jwt, self._tokens.now())
        caller = Caller(
            entity_id=self._entities.of_login(self._mount, person.alias),
            path=request.path,
            metadata={"role": name, **person.metadata},
            bound=bound,
            display_name=person.display_name,
        )
        token = self._tokens.add(login_token(self._mount, self._tokens, role, caller))
        return Answer(auth=self._tokens.auth_block(token))


def _name(request: Request) -> str:
    return request.params["name"].lower()
