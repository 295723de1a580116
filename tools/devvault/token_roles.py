"""Owns the token roles: what a token made through one may be, whoever makes it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.networks import networks
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route, stored

_KINDS = ("service", "batch", "default-service", "default-batch")
_OLD_NAMES = ("period", "explicit_max_ttl", "bound_cidrs")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRole:
    """Hold one role's limits; see Vault's API page "Token auth method", create token role."""

    name: str
    allowed_policies: tuple[str, ...] = ()
    allowed_policies_glob: tuple[str, ...] = ()
    disallowed_policies: tuple[str, ...] = ()
    disallowed_policies_glob: tuple[str, ...] = ()
    allowed_entity_aliases: tuple[str, ...] = ()
    orphan: bool = False
    renewable: bool = True
    path_suffix: str = ""
    token_bound_cidrs: tuple[str, ...] = ()
    token_explicit_max_ttl: int = 0
    token_no_default_policy: bool = False
    token_num_uses: int = 0
    token_period: int = 0
    token_type: str = "default-service"  # noqa: S105 - a kind of token, not one

    @property
    def decides_policies(self) -> bool:
        """Whether the role, and not the parent, says which policies a token may have."""
        return bool(
            self.allowed_policies
            or self.allowed_policies_glob
            or self.disallowed_policies
            or self.disallowed_policies_glob
        )

    def policies(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the policies of a token made through the role.

        Raises:
            Refusal: With status 400, if it may not have what was asked for.
        """
        given = tuple(asked) or self.allowed_policies
        for policy in given:
            if self._bars(policy):
                raise invalid(f'token policy "{policy}" is disallowed by this role')
        if (self.allowed_policies or self.allowed_policies_glob) and not all(
            self._allows(policy) for policy in given
        ):
            raise invalid(
                f"token policies ({_quoted(given)}) must be subset of the role's allowed policies "
                f"({_quoted(self.allowed_policies)}) or glob policies "
                f"({_quoted(self.allowed_policies_glob)})"
            )
        return given

    def allows_alias(self, name: str) -> bool:
        """Tell whether a token may be made for an entity's alias of this name."""
        return _fits(name, self.allowed_entity_aliases)

    def _allows(self, policy: str) -> bool:
        return policy in self.allowed_policies or _fits(policy, self.allowed_policies_glob)

    def _bars(self, policy: str) -> bool:
        return policy in self.disallowed_policies or _fits(policy, self.disallowed_policies_glob)


class TokenRoles:
    """Hold the roles and answer `auth/token/roles`."""

    def __init__(self) -> None:
        self._roles: dict[str, TokenRole] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `roles/`."""
        return stored("roles", self._roles, self._write, _shown)

    def find(self, name: str) -> TokenRole:
        """Return a role.

        Raises:
            Refusal: With status 400, if there is none.
        """
        if name not in self._roles:
            raise invalid(f"unknown role {name}")
        return self._roles[name]

    def _write(self, request: Request) -> Answer:
        name = request.params["name"]
        known = self._roles.get(name, TokenRole(name=name))
        changes = {f"token_{n}" if n in _OLD_NAMES else n: v for n, v in request.body.items()}
        self._roles[name] = _role(name, Fields({**_shown(known), **changes}))
        return EMPTY


def _role(name: str, body: Fields) -> TokenRole:
    kind = body.text("token_type", "default-service")
    if kind not in _KINDS:
        raise invalid(f"invalid 'token_type' value {kind!r}")
    if kind == "batch" and not body.boolean("orphan"):
        raise invalid(
            "'token_type' cannot be 'batch' when role is set to generate non-orphan tokens"
        )
    if kind == "batch" and body.seconds("token_explicit_max_ttl"):
        raise invalid("'token_type' cannot be 'batch' when 'explicit_max_ttl' is set")
    return TokenRole(
        name=name,
        allowed_policies=_names(body, "allowed_policies"),
        allowed_policies_glob=_names(body, "allowed_policies_glob"),
        disallowed_policies=_names(body, "disallowed_policies"),
        disallowed_policies_glob=_names(body, "disallowed_policies_glob"),
        allowed_entity_aliases=tuple(body.strings("allowed_entity_aliases")),
        orphan=body.boolean("orphan"),
        renewable=body.boolean("renewable", default=True),
        path_suffix=body.text("path_suffix"),
        token_bound_cidrs=networks(body.strings("token_bound_cidrs")),
        token_explicit_max_ttl=body.seconds("token_explicit_max_ttl"),
        token_no_default_policy=body.boolean("token_no_default_policy"),
        token_num_uses=body.integer("token_num_uses"),
        token_period=body.seconds("token_period"),
        token_type=kind,
    )


def _names(body: Fields, field: str) -> tuple[str, ...]:
    return tuple(sorted({name.lower() for name in body.strings(field)}))


def _shown(role: TokenRole) -> dict[str, object]:
    return {
        "name": role.name,
        "allowed_policies": list(role.allowed_policies),
        "allowed_policies_glob": list(role.allowed_policies_glob),
        "disallowed_policies": list(role.disallowed_policies),
        "disallowed_policies_glob": list(role.disallowed_policies_glob),
        "allowed_entity_aliases": list(role.allowed_entity_aliases),
        "orphan": role.orphan,
        "renewable": role.renewable,
        "path_suffix": role.path_suffix,
        "token_bound_cidrs": list(role.token_bound_cidrs),
        "token_explicit_max_ttl": role.token_explicit_max_ttl,
        "token_no_default_policy": role.token_no_default_policy,
        "token_num_uses": role.token_num_uses,
        "token_period": role.token_period,
        "token_type": role.token_type,
    }


def _fits(policy: str, globs: Sequence[str]) -> bool:
    patterns = (".*".join(re.escape(part) for part in glob.split("*")) for glob in globs)
    return any(re.fullmatch(pattern, policy) for pattern in patterns)


def _quoted(names: Sequence[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"
