"""Owns the checking of a platform's tokens: signature, time, issuer, audience and subject."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeAlias

from bailiwick.tools.devvault.refusals import invalid

Claims: TypeAlias = Mapping[str, object]
_LEEWAY = 60.0
_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS512", "EdDSA")


class TokenError(Exception):
    """Say why a token is none that is good now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Say what a token must name; what is empty is not looked at.

    Attributes:
        issuer: Who issued it.
        subject: Whom it is for.
        audiences: Whom it may be shown to; one of them is enough.
    """

    issuer: str = ""
    subject: str = ""
    audiences: tuple[str, ...] = ()


def check_driver() -> None:
    """Return if tokens can be checked here.

    Raises:
        Refusal: With status 400, if pyjwt is not installed.
    """
    if find_spec("jwt") is None:
        raise invalid(
            "plugin not found in the catalog: it needs pyjwt: install bailiwick with its extra "
            "'server'"
        )


def signed_claims(token: str, keys: Sequence[str]) -> dict[str, object]:
    """Return what a token says that one of some public keys has signed.

    Raises:
        TokenError: If none of them has, or it is no token.
    """
    # pyjwt comes with the extra `server` only.
    import jwt  # noqa: PLC0415
    from jwt.types import Options  # noqa: PLC0415

    # Time and names are checked by the Vault's own clock and words.
    unchecked: Options = {
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
    }
    for key in keys:
        # A key of another kind than the token's algorithm is a type error.
        with suppress(jwt.PyJWTError, TypeError, ValueError):
            return dict(jwt.decode(token, key, algorithms=list(_ALGORITHMS), options=unchecked))
    raise TokenError("no known key successfully validated the token signature")


def check_claims(claims: Claims, expected: Expected, now: float) -> None:
    """Return if a token is good now and names what it must.

    Raises:
        TokenError: If not, in the words of Vault's own library.
    """
    if not any(name in claims for name in ("exp", "nbf", "iat")):
        raise TokenError(
            "no issued at (iat), not before (nbf), or expiration time (exp) claims in token"
        )
    if _number(claims.get("exp"), math.inf) + _LEEWAY < now:
        raise TokenError("invalid expiration time (exp) claim: token is expired")
    if _number(claims.get("nbf"), -math.inf) - _LEEWAY > now:
        raise TokenError("invalid not before (nbf) claim: token not yet valid")
    if expected.issuer and claims.get("iss") != expected.issuer:
        raise TokenError("invalid issuer (iss) claim")
    if expected.subject and claims.get("sub") != expected.subject:
        raise TokenError("invalid subject (sub) claim")
    if expected.audiences and not set(expected.audiences) & set(audiences(claims)):
        raise TokenError("invalid audience (aud) claim: audience claim does not match any expected")


def audiences(claims: Claims) -> tuple[str, ...]:
    """Return whom a token may be shown to."""
    match claims.get("aud"):
        case str() as one:
            return (one,)
        case list() as several:
            return tuple(str(each) for each in several)
        case _:
            return ()


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default
