"""Owns the tokens that logins give: what a role's token settings make of them."""

from dataclasses import dataclass

from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.mounts import Mount
from bailiwick.tools.devvault.networks import networks
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.tokens import Kind, Lifetime, Token, TokenStore, least, random_text

_KINDS = ("default", "service", "batch", "default-service", "default-batch", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Say who logs in, and how.

    Attributes:
        entity_id: The entity.
        path: The path of the login.
        metadata: What stands on the token.
        bound: The networks that the token may be used from.
        display_name: What the token is called, after its mount.
    """

    entity_id: str
    path: str
    metadata: dict[str, str]
    bound: tuple[str, ...] = ()
    display_name: str = ""


def login_token(mount: Mount, tokens: TokenStore, settings: Fields, caller: Caller) -> Token:
    """Return the token that a login with a role gives; it is not known to anybody yet."""
    lifetime = _lifetime(mount, settings)
    ttl, _ = lifetime.grant()
    kind = _kind(mount, settings)
    name = mount.path.removeprefix("auth/").rstrip("/").replace("/", "-")
    return Token(
        id=tokens.new_id(kind),
        accessor=random_text() if kind == "service" else "",
        policies=_policies(settings),
        path=caller.path,
        meta=caller.metadata,
        display_name=f"{name}-{caller.display_name}" if caller.display_name else name,
        num_uses=settings.integer("token_num_uses"),
        kind=kind,
        entity_id=caller.entity_id,
        bound_cidrs=caller.bound,
        renewable=kind == "service",
        ttl=ttl,
        max_ttl=lifetime.max_ttl,
        explicit_max_ttl=lifetime.explicit_max_ttl,
        period=lifetime.period,
    )


def check_token_settings(settings: Fields) -> None:
    """Return if a role's token settings can be used.

    Raises:
        Refusal: With status 400, if they cannot.
    """
    if 0 < settings.seconds("token_max_ttl") < settings.seconds("token_ttl"):
        raise invalid("token_ttl should not be greater than token_max_ttl")
    if settings.text("token_type", "default") not in _KINDS:
        raise invalid(f"invalid 'token_type' value {settings.text('token_type')!r}")


def shown_token_settings(settings: Fields) -> dict[str, object]:
    """Return a role's token settings as a read answers them.

    Raises:
        Refusal: With status 400, if one is of the wrong kind.
    """
    networks(settings.strings("token_bound_cidrs"))
    return {
        "token_ttl": settings.seconds("token_ttl"),
        "token_max_ttl": settings.seconds("token_max_ttl"),
        "token_explicit_max_ttl": settings.seconds("token_explicit_max_ttl"),
        "token_policies": list(settings.strings("token_policies")),
        "token_bound_cidrs": list(settings.strings("token_bound_cidrs")),
        "token_no_default_policy": settings.boolean("token_no_default_policy"),
        "token_num_uses": settings.integer("token_num_uses"),
        "token_period": settings.seconds("token_period"),
        "token_type": settings.text("token_type", "default"),
    }


def _lifetime(mount: Mount, settings: Fields) -> Lifetime:
    return Lifetime(
        asked=settings.seconds("token_ttl"),
        default=mount.default_ttl,
        explicit_max_ttl=settings.seconds("token_explicit_max_ttl"),
        period=settings.seconds("token_period"),
        max_ttl=least(settings.seconds("token_max_ttl"), mount.max_ttl),
    )


def _kind(mount: Mount, settings: Fields) -> Kind:
    asked = settings.text("token_type", "default")
    if asked.startswith("default") and asked != "default-batch":
        asked = mount.token_type
    return "batch" if asked.endswith("batch") else "service"


def _policies(settings: Fields) -> tuple[str, ...]:
    policies = {name.lower() for name in settings.strings("token_policies")}
    if not settings.boolean("token_no_default_policy"):
        policies.add("default")
    return tuple(sorted(policies))
