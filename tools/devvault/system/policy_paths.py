"""Owns the paths of the policies, the old and the new, and the question what a token may do."""

from collections.abc import Sequence

from bailiwick.tools.devvault.authority import AclOf
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.policies import PolicyStore, decode
from bailiwick.tools.devvault.refusals import existing, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import Token, TokenStore


class PolicyPaths:
    """Answer `sys/policies/acl` and `sys/policy`."""

    def __init__(self, policies: PolicyStore) -> None:
        self._policies = policies

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            Route(pattern=r"policies/acl/?", list=lambda _: keys(self._policies.names())),
            Route(
                pattern=r"policies/acl/(?P<name>.+)",
                read=lambda request: self._read(request, "policy"),
                update=self._write,
                delete=self._delete,
            ),
            Route(pattern=r"policy/?", read=self._list_old, list=self._list_old),
            Route(
                pattern=r"policy/(?P<name>.+)",
                read=lambda request: self._read(request, "rules"),
                update=self._write,
                delete=self._delete,
            ),
        )

    def _list_old(self, _: Request) -> Answer:
        names = self._policies.names()
        return Answer(data={"keys": names, "policies": names}, hoisted=True)

    def _read(self, request: Request, field: str) -> Answer:
        name = request.params["name"].lower()
        text = existing(self._policies.text(name))
        return Answer(data={"name": name, field: text}, hoisted=field == "rules")

    def _write(self, request: Request) -> Answer:
        text = request.body.text("policy") or request.body.text("rules")
        if not text:
            raise invalid("'policy' parameter not supplied or empty")
        name = request.params["name"]
        self._policies.write(name.lower(), decode(text))
        if name == name.lower():
            return EMPTY
        return Answer(warnings=[f"policy name was converted to {name.lower()}"])

    def _delete(self, request: Request) -> Answer:
        self._policies.delete(request.params["name"].lower())
        return EMPTY


class Capabilities:
    """Answer what a token may do: `sys/capabilities` and its kin."""

    def __init__(self, tokens: TokenStore, acl: AclOf) -> None:
        self._tokens = tokens
        self._acl = acl

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            Route(
                pattern="capabilities-self",
                update=lambda request: self._capable(request.caller, request),
            ),
            Route(pattern="capabilities", update=self._of_token),
            Route(pattern="capabilities-accessor", update=self._of_accessor),
        )

    def _of_token(self, request: Request) -> Answer:
        return self._capable(self._tokens.find(request.body.text("token")), request)

    def _of_accessor(self, request: Request) -> Answer:
        return self._capable(self._tokens.find_accessor(request.body.text("accessor")), request)

    def _capable(self, token: Token | None, request: Request) -> Answer:
        if token is None:
            raise invalid("invalid token")
        paths = request.body.strings("paths") or request.body.strings("path")
        if not paths:
            raise invalid("paths must be supplied")
        acl = self._acl(token)
        found: dict[str, object] = {path: acl.capabilities(path) for path in paths}
        if len(paths) == 1:
            found["capabilities"] = found[paths[0]]
        return Answer(data=found, hoisted=True)
