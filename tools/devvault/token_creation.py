"""Owns the making of a token from another: which policies and which life it may have."""

import re
from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.authority import AclOf
from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.policies import WRAPPING
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.token_roles import TokenRole, TokenRoles
from bailiwick.tools.devvault.tokens import Kind, Lifetime, Token, TokenStore, least, random_text

OfAlias = Callable[[str], str]

_UNSHOWABLE = re.compile(r"[^a-zA-Z0-9-]")


class TokenCreation:
    """Answer `auth/token/create`, with and without a role, and `create-orphan`."""

    def __init__(
        self, tokens: TokenStore, roles: TokenRoles, acl: AclOf, of_alias: OfAlias
    ) -> None:
        self._tokens = tokens
        self._roles = roles
        self._acl = acl
        self._of_alias = of_alias

    @property
    def routes(self) -> Sequence[Route]:
        """The paths that make tokens."""
        return (
            Route(pattern=r"create", update=self._create),
            Route(pattern=r"create-orphan", update=self._create),
            Route(pattern=r"create/(?P<role>[^/]+)", update=self._create),
        )

    def _create(self, request: Request) -> Answer:
        parent, body = caller_of(request), request.body
        is_sudo = self._acl(parent).is_sudo(request.path)
        role = self._roles.find(request.params["role"]) if request.params.get("role") else None
        _check(body, parent, is_sudo=is_sudo)
        kind = _kind(body, role)
        is_orphan = _is_orphan(request, role, is_sudo=is_sudo)
        policies = _policies(body, parent, role, is_sudo=is_sudo)
        _check_kind(kind, policies)
        lifetime = _lifetime(body, role)
        ttl, warnings = self._grant(lifetime, policies, parent)
        token = Token(
            id=self._id(body, kind),
            accessor=random_text() if kind == "service" else "",
            parent="" if is_orphan else parent.id,
            policies=policies,
            path=request.path,
            meta=body.texts("meta") or body.texts("metadata"),
            display_name=_display_name(body.text("display_name")),
            num_uses=least(body.integer("num_uses"), role.token_num_uses if role else 0),
            role=role.name if role else "",
            kind=kind,
            entity_id=self._entity(body, role, "" if is_orphan else parent.entity_id),
            bound_cidrs=role.token_bound_cidrs if role else (),
            renewable=kind == "service" and ttl > 0 and _is_renewable(body, role),
            ttl=ttl,
            explicit_max_ttl=lifetime.explicit_max_ttl,
            period=lifetime.period,
        )
        return Answer(auth=self._tokens.auth_block(self._tokens.add(token)), warnings=warnings)

    def _id(self, body: Fields, kind: Kind) -> str:
        given = body.text("id")
        if given and self._tokens.find(given) is not None:
            raise invalid("cannot create a token with a duplicate ID")
        return given or self._tokens.new_id(kind)

    def _grant(
        self, lifetime: Lifetime, policies: tuple[str, ...], parent: Token
    ) -> tuple[int, list[str]]:
        if "root" in policies and not lifetime.is_limited:
            return parent.left(self._tokens.now()), []
        return lifetime.grant()

    def _entity(self, body: Fields, role: TokenRole | None, inherited: str) -> str:
        alias = body.text("entity_alias")
        if not alias:
            return inherited
        if role is None:
            raise invalid("'entity_alias' is only allowed in combination with token role")
        if not role.allows_alias(alias):
            raise invalid("invalid 'entity_alias' value")
        return self._of_alias(alias)


def caller_of(request: Request) -> Token:
    """Return the token that a request was made with; one without any is refused with 400."""
    if request.caller is None:
        raise invalid("missing client token")
    return request.caller


def _check(body: Fields, parent: Token, *, is_sudo: bool) -> None:
    if parent.num_uses:
        raise invalid("restricted use token cannot generate child tokens")
    if parent.kind == "batch":
        raise invalid("batch tokens cannot create more tokens")
    if body.text("id") and not is_sudo:
        raise invalid("root or sudo privileges required to specify token id")
    if "." in body.text("id"):
        raise invalid("custom token ID cannot have the '.' character")
    if body.seconds("period") and not is_sudo:
        raise invalid("root or sudo privileges required to create periodic token")
    if min(body.seconds("ttl"), body.seconds("explicit_max_ttl"), body.integer("num_uses")) < 0:
        raise invalid("ttl, explicit_max_ttl and num_uses cannot be negative")


def _kind(body: Fields, role: TokenRole | None) -> Kind:
    asked = body.text("type")
    if role is not None and (not asked or not role.token_type.startswith("default")):
        asked = role.token_type
    if asked.removeprefix("default-") not in ("", "service", "batch"):
        raise invalid(f"invalid 'token_type' value {asked!r}")
    if not asked.endswith("batch"):
        return "service"
    for field in ("explicit_max_ttl", "num_uses", "period", "id"):
        if body.get(field):
            raise invalid(f"batch tokens cannot have {field!r} set")
    return "batch"


def _check_kind(kind: Kind, policies: tuple[str, ...]) -> None:
    if kind == "batch" and "root" in policies:
        raise invalid("batch tokens cannot be root tokens")


def _is_orphan(request: Request, role: TokenRole | None, *, is_sudo: bool) -> bool:
    if role is not None:
        return role.orphan
    if request.path.endswith("create-orphan"):
        return True
    if request.body.boolean("no_parent") and not is_sudo:
        raise invalid("root or sudo privileges required to create orphan token")
    return request.body.boolean("no_parent")


def _policies(
    body: Fields, parent: Token, role: TokenRole | None, *, is_sudo: bool
) -> tuple[str, ...]:
    asked = {name.lower() for name in body.strings("policies")}
    wants_default = not body.boolean("no_default_policy")
    if role is not None and role.decides_policies:
        names = set(role.policies(sorted(asked)))
        wants_default = wants_default and not role.token_no_default_policy
    else:
        names = asked or set(parent.policies)
        if not is_sudo and not names <= set(parent.policies):
            raise invalid("child policies must be subset of parent")
        wants_default = wants_default and ((is_sudo and bool(asked)) or _has_default(parent))
    if "root" in names and not parent.is_root:
        raise invalid("root tokens may not be created without parent token being root")
    if WRAPPING in names:
        raise invalid(f'cannot assign policy "{WRAPPING}"')
    if "root" in names:
        return ("root",)
    return tuple(sorted(names | {"default"} if wants_default else names))


def _has_default(token: Token) -> bool:
    return "default" in token.policies


def _lifetime(body: Fields, role: TokenRole | None) -> Lifetime:
    return Lifetime(
        asked=body.seconds("ttl") or body.seconds("lease"),
        explicit_max_ttl=least(
            body.seconds("explicit_max_ttl"), role.token_explicit_max_ttl if role else 0
        ),
        period=least(body.seconds("period"), role.token_period if role else 0),
    )


def _is_renewable(body: Fields, role: TokenRole | None) -> bool:
    return body.boolean("renewable", default=True) and (role is None or role.renewable)


def _display_name(given: str) -> str:
    name = _UNSHOWABLE.sub("-", given).rstrip("-")
    return f"token-{name}" if name else "token"
