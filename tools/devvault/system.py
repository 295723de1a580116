"""Owns the system's own paths: mounts, auth methods, policies and what a token may do."""

from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.acl import Acl
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.mounts import MountTable
from bailiwick.tools.devvault.policies import PolicyStore, decode
from bailiwick.tools.devvault.refusals import bad_token, invalid, nothing_there
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.seal import Seal
from bailiwick.tools.devvault.tokens import Token, TokenStore


class System:
    """Answer everything below `sys/`."""

    def __init__(
        self,
        *,
        seal: Seal,
        mounts: MountTable,
        policies: PolicyStore,
        tokens: TokenStore,
        acl: Callable[[Token], Acl],
    ) -> None:
        self._seal = seal
        self._mounts = mounts
        self._policies = policies
        self._tokens = tokens
        self._acl = acl

    @property
    def routes(self) -> Sequence[Route]:
        """The system's paths."""
        return (
            *self._seal.routes,
            *self._mount_routes(),
            *self._policy_routes(),
            Route(pattern="capabilities-self", update=self._capabilities_self),
            Route(pattern="capabilities", update=self._capabilities),
            Route(pattern="capabilities-accessor", update=self._capabilities_accessor),
        )

    def _mount_routes(self) -> Sequence[Route]:
        return (
            Route(pattern=r"mounts/?", read=self._list_mounts),
            Route(
                pattern=r"mounts/(?P<path>.+)",
                update=lambda request: self._enable(request, ""),
                delete=lambda request: self._disable(request, ""),
            ),
            Route(pattern=r"auth/?", read=self._list_methods),
            Route(
                pattern=r"auth/(?P<path>.+)",
                update=lambda request: self._enable(request, "auth/"),
                delete=lambda request: self._disable(request, "auth/"),
                is_sudo=True,
            ),
        )

    def _policy_routes(self) -> Sequence[Route]:
        return (
            Route(pattern=r"policies/acl/?", list=self._list_policies),
            Route(
                pattern=r"policies/acl/(?P<name>.+)",
                read=lambda request: self._read_policy(request, "policy"),
                update=self._write_policy,
                delete=self._delete_policy,
            ),
            Route(pattern=r"policy/?", read=self._list_old, list=self._list_old),
            Route(
                pattern=r"policy/(?P<name>.+)",
                read=lambda request: self._read_policy(request, "rules"),
                update=self._write_policy,
                delete=self._delete_policy,
            ),
        )

    def _list_mounts(self, _: Request) -> Answer:
        return Answer(data=self._mounts.shown(auth=False), hoisted=True)

    def _list_methods(self, _: Request) -> Answer:
        return Answer(data=self._mounts.shown(auth=True), hoisted=True)

    def _enable(self, request: Request, prefix: str) -> Answer:
        kind = request.body.text("type")
        options = Fields(request.body.mapping("options") or {})
        described = {"description": request.body.text("description")}
        if kind in ("kv", "kv-v2"):
            if kind == "kv" and options.text("version") != "2":
                raise invalid("kv version 1 is beyond the development Vault: use version 2")
            kind, described["version"] = "kv", "2"
        path = f"{prefix}{request.params['path'].rstrip('/')}/"
        if (kind == "approle") != (prefix == "auth/"):
            raise invalid(f"plugin not found in the catalog: {kind}")
        self._mounts.enable(path, kind, **described)
        return EMPTY

    def _disable(self, request: Request, prefix: str) -> Answer:
        self._mounts.disable(f"{prefix}{request.params['path'].rstrip('/')}/")
        return EMPTY

    def _list_policies(self, _: Request) -> Answer:
        return keys(self._policies.names())

    def _list_old(self, _: Request) -> Answer:
        names = self._policies.names()
        return Answer(data={"keys": names, "policies": names}, hoisted=True)

    def _read_policy(self, request: Request, field: str) -> Answer:
        name = request.params["name"].lower()
        text = self._policies.text(name)
        if text is None:
            raise nothing_there()
        return Answer(data={"name": name, field: text}, hoisted=field == "rules")

    def _write_policy(self, request: Request) -> Answer:
        text = request.body.text("policy") or request.body.text("rules")
        if not text:
            raise invalid("'policy' parameter not supplied or empty")
        self._policies.write(request.params["name"].lower(), decode(text))
        return EMPTY

    def _delete_policy(self, request: Request) -> Answer:
        self._policies.delete(request.params["name"].lower())
        return EMPTY

    def _capabilities_self(self, request: Request) -> Answer:
        return self._capable(request.caller, request)

    def _capabilities(self, request: Request) -> Answer:
        return self._capable(self._tokens.find(request.body.text("token")), request)

    def _capabilities_accessor(self, request: Request) -> Answer:
        return self._capable(self._tokens.find_accessor(request.body.text("accessor")), request)

    def _capable(self, token: Token | None, request: Request) -> Answer:
        if token is None:
            raise bad_token()
        paths = request.body.strings("paths") or request.body.strings("path")
        if not paths:
            raise invalid("paths must be supplied")
        acl = self._acl(token)
        found: dict[str, object] = {path: acl.capabilities(path) for path in paths}
        if len(paths) == 1:
            found["capabilities"] = found[paths[0]]
        return Answer(data=found, hoisted=True)
