"""Owns the making of a new root token by those who hold the key's shares."""

import base64
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.system.quorum import Quorum
from bailiwick.tools.devvault.system.seal import Seal
from bailiwick.tools.devvault.tokens import random_text


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """A generation under way, with the one-time pad that will veil its token."""

    otp: str = field(repr=False)
    nonce: str = field(default_factory=lambda: str(uuid.uuid4()))
    quorum: Quorum = field(default_factory=Quorum)


class RootGeneration:
    """Answer `sys/generate-root`.

    Args:
        seal: Knows the shares.
        make_root: Makes a root token and returns it.
        otp_length: The length of a root token's text, and so of its one-time pad.
    """

    def __init__(self, seal: Seal, make_root: Callable[[], str], otp_length: int) -> None:
        self._seal = seal
        self._make_root = make_root
        self._otp_length = otp_length
        self._attempt: _Attempt | None = None

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            Route(
                pattern=r"generate-root/attempt",
                read=lambda _: self._status(),
                update=self._start,
                delete=self._cancel,
                is_open=True,
            ),
            Route(pattern=r"generate-root/update", update=self._update, is_open=True),
        )

    def _status(self, *, encoded: str = "", otp: str = "") -> Answer:
        attempt = self._attempt
        return Answer(
            body={
                "nonce": attempt.nonce if attempt else "",
                "started": attempt is not None,
                "progress": len(attempt.quorum) if attempt else 0,
                "required": self._seal.shares.threshold,
                "complete": bool(encoded),
                "encoded_token": encoded,
                "encoded_root_token": encoded,
                "pgp_fingerprint": "",
                "otp": otp,
                "otp_length": self._otp_length,
            }
        )

    def _start(self, request: Request) -> Answer:
        if self._attempt is not None:
            raise invalid("root generation already in progress")
        if request.body.text("pgp_key"):
            raise invalid("PGP keys are beyond the development Vault")
        given = request.body.text("otp")
        if given and len(given) != self._otp_length:
            raise invalid(f"OTP string is wrong length: expected {self._otp_length}")
        self._attempt = _Attempt(otp=given or random_text(self._otp_length))
        return self._status(otp="" if given else self._attempt.otp)

    def _cancel(self, _: Request) -> Answer:
        self._attempt = None
        return EMPTY

    def _update(self, request: Request) -> Answer:
        attempt, key = self._attempt, request.body.text("key")
        if attempt is None:
            raise invalid("no root generation in progress")
        if not key:
            raise invalid("'key' must be specified in request body as JSON")
        if not secrets.compare_digest(request.body.text("nonce").encode(), attempt.nonce.encode()):
            raise invalid("incorrect nonce supplied")
        if not attempt.quorum.bring(key, self._seal.shares, to="Root generation"):
            return self._status()
        self._attempt = None
        return self._status(encoded=veil(self._make_root(), attempt.otp))


def veil(token: str, otp: str) -> str:
    """Return a token veiled by a one-time pad of its length, in base64 without padding."""
    mixed = bytes(a ^ b for a, b in zip(token.encode(), otp.encode(), strict=True))
    return base64.b64encode(mixed).decode().rstrip("=")


def unveil(encoded: str, otp: str) -> str:
    """Return the token that `veil` hid.

    Raises:
        ValueError: If the text or the pad is not of a veiled token.
    """
    mixed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    return bytes(a ^ b for a, b in zip(mixed, otp.encode(), strict=True)).decode()
