"""Owns the tokens that people and services show to LangGraph Server: JSON Web Tokens (RFC 7519)."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.policies.principals import Principal

ALGORITHM = "HS256"
"""The one that is accepted: whatever a token's own header says is not asked."""

SECRET = "BAILIWICK_AUTH_SECRET"  # noqa: S105 - the setting's name

LONGEST = timedelta(days=30)
"""How long a token of the development issuer may be good for."""

DELIVERY = "bailiwick-delivery"
"""Who acts where the outbox lets a thread go on."""

_BRIEF = timedelta(minutes=1)

# No more than that: what is wrong with a forged token is of use to its forger alone.
_INVALID = "the token is not valid here"


class _Claims(BaseModel):
    # RFC 7519, section 4: claims that are not understood must be ignored.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    sub: str = Field(min_length=1)
    roles: list[str] = []


class _Actor(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sub: Literal["bailiwick-delivery"]


class _DeliveryClaims(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    sub: str = Field(min_length=1)
    act: _Actor


def issue_token(settings: Settings, user: str, roles: Iterable[str], ttl: timedelta) -> str:
    """Sign a token for a person or a service, in development.

    Args:
        settings: They hold the secret, the issuer and the audience.
        user: The identity.
        roles: What it may answer for, such as `manager`.
        ttl: How long the token is good for.

    Raises:
        SettingsError: If there is no secret, a value cannot be used, or this is production, where
            the house's own identity service signs tokens.
    """
    if settings.env == "production":
        raise SettingsError(
            "this issuer believes whatever it is told, so it is for development: in production "
            f"your identity service signs tokens with {SECRET}"
        )
    if settings.auth_secret is None:
        raise SettingsError(f"{SECRET} is not set: `bailiwick token --init` puts one into .env")
    if not user.strip():
        raise SettingsError("a token needs a user: name one")
    if not timedelta() < ttl <= LONGEST:
        raise SettingsError(
            f"a token is good for more than nothing and at most {LONGEST.days} days"
        )
    now = datetime.now(UTC)
    claims = {
        "sub": user,
        "roles": sorted(set(roles)),
        "iss": settings.auth_issuer,
        "aud": settings.auth_audience,
        "iat": now,
        "exp": now + ttl,
    }
    return jwt.encode(claims, settings.auth_secret.get_secret_value(), ALGORITHM)


def read_token(settings: Settings, token: str) -> Principal:
    """Return whom a token was issued to, with the roles it states.

    Raises:
        SettingsError: If there is no secret to verify it with.
        ValueError: If it is not a valid token of the issuer for this audience, or has expired.
    """
    claims = _verified(token, settings, _secret_key(settings), settings.auth_audience)
    try:
        known = _Claims.model_validate(claims)
    except ValidationError:
        raise ValueError(_INVALID) from None
    return Principal(id=known.sub, roles=frozenset(known.roles))


def issue_delivery_token(settings: Settings, requester: str) -> str:
    """Sign a token with which the outbox lets a thread go on as whoever asked.

    It names the one who asked as its subject and the service as the actor (RFC 8693, section
    4.1), states no role, and is good for a minute. Its key is made of the secret, and its audience
    is its own: whoever signs the tokens of people signs none of these by it.

    Args:
        settings: They hold the secret, the issuer and the audience.
        requester: The id of the principal who asked.

    Raises:
        SettingsError: If there is no secret.
    """
    now = datetime.now(UTC)
    claims = {
        "sub": requester,
        "act": {"sub": DELIVERY},
        "iss": settings.auth_issuer,
        "aud": _delivery_audience(settings),
        "iat": now,
        "exp": now + _BRIEF,
    }
    return jwt.encode(claims, _delivery_key(settings), ALGORITHM)


def read_delivery_token(settings: Settings, token: str) -> Principal:
    """Return as whom the outbox lets a thread go on: whoever asked, without any role.

    Raises:
        SettingsError: If there is no secret to verify it with.
        ValueError: If it is not a valid token of `issue_delivery_token`, or has expired.
    """
    claims = _verified(token, settings, _delivery_key(settings), _delivery_audience(settings))
    try:
        return Principal(id=_DeliveryClaims.model_validate(claims).sub)
    except ValidationError:
        raise ValueError(_INVALID) from None


def _verified(token: str, settings: Settings, key: bytes, audience: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=settings.auth_issuer,
            audience=audience,
            options={"require": ["sub", "iss", "aud", "exp"]},
        )
    except jwt.ExpiredSignatureError:
        raise ValueError("the token has expired: get a new one") from None
    except jwt.InvalidTokenError:
        raise ValueError(_INVALID) from None
    return claims


def _secret_key(settings: Settings) -> bytes:
    if settings.auth_secret is None:
        raise SettingsError(f"nobody can be let in before {SECRET} is set")
    return settings.auth_secret.get_secret_value().encode()


def _delivery_key(settings: Settings) -> bytes:
    return hmac.digest(_secret_key(settings), DELIVERY.encode(), hashlib.sha256)


def _delivery_audience(settings: Settings) -> str:
    return f"{settings.auth_audience}/{DELIVERY}"


def create_secret(path: Path) -> None:
    """Put a new secret for tokens into a file of settings that only its owner can read.

    Args:
        path: The file, such as `.env`; it is made if it is not there.

    Raises:
        SettingsError: If it holds a secret already, or cannot be written.
    """
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        text = path.read_text(encoding="utf-8")
        if any(line.strip().startswith(f"{SECRET}=") for line in text.splitlines()):
            raise SettingsError(
                f"{str(path)!r} sets {SECRET} already: remove that line first; "
                "tokens signed with it will be refused then"
            )
        gap = "\n" if text and not text.endswith("\n") else ""
        with path.open("a", encoding="utf-8") as settings:
            settings.write(f"{gap}{SECRET}={secrets.token_urlsafe(48)}\n")
    except OSError as error:
        raise SettingsError(f"{str(path)!r} cannot be written ({error.strerror})") from None
