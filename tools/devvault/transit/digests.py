"""Owns digests and random bytes, which need no key: below transit and below `sys/tools`."""

import base64
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes

from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.transit.algorithms import hash_named
from bailiwick.tools.devvault.transit.ciphers import decoded

_MOST = 128 * 1024


def digest_routes(prefix: str = "") -> Sequence[Route]:
    """Return the paths `hash` and `random` below a prefix."""
    return (
        Route(pattern=rf"{prefix}hash(?:/(?P<algorithm>[^/]+))?", update=_hash),
        Route(
            pattern=rf"{prefix}random(?:/(?P<source>platform|seal|all))?(?:/(?P<bytes>\d+))?",
            update=_random,
        ),
    )


class Tools:
    """Answer `sys/tools`."""

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return digest_routes("tools/")


def _hash(request: Request) -> Answer:
    body = request.body
    name = request.params.get("algorithm") or body.text("algorithm") or "sha2-256"
    digest = hashes.Hash(hash_named(name))
    digest.update(decoded(body.text("input"), "input"))
    return Answer(data={"sum": _written(digest.finalize(), body.text("format") or "hex")})


def _random(request: Request) -> Answer:
    count = int(request.params.get("bytes") or request.body.integer("bytes", 32))
    if not 1 <= count <= _MOST:
        raise invalid(f'"bytes" should be between 1 and {_MOST}')
    written = _written(secrets.token_bytes(count), request.body.text("format") or "base64")
    return Answer(data={"random_bytes": written})


def _written(content: bytes, form: str) -> str:
    if form not in ("hex", "base64"):
        raise invalid(f'unsupported encoding format "{form}"; must be "hex" or "base64"')
    return content.hex() if form == "hex" else base64.b64encode(content).decode()
