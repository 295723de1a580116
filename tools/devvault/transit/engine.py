"""Owns the transit engine as it is mounted: what is done with its keys."""

import base64
import secrets
from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import Refusal, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.transit.ciphers import decoded, decrypt, encrypt
from bailiwick.tools.devvault.transit.digests import digest_routes
from bailiwick.tools.devvault.transit.key_paths import KeyPaths
from bailiwick.tools.devvault.transit.keys import Key
from bailiwick.tools.devvault.transit.signatures import keyed_digest, sign, verify

_Work = Callable[[Key, Fields], dict[str, object]]
_NOT_FOUND = "encryption key not found"


class Transit:
    """Answer everything below the mount of a transit engine."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._keys = KeyPaths(clock)

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the engine."""
        name = r"(?P<name>[^/]+)"
        named_hash = r"(?:/(?P<algorithm>[^/]+))?"
        return (
            Route(
                pattern=rf"encrypt/{name}",
                update=self._encrypt,
                exists=lambda request: self._keys.find(request.params["name"]) is not None,
            ),
            Route(pattern=rf"decrypt/{name}", update=self._with_key(_decrypt, _NOT_FOUND)),
            Route(pattern=rf"rewrap/{name}", update=self._with_key(_rewrap, _NOT_FOUND)),
            Route(pattern=rf"datakey/(?P<form>plaintext|wrapped)/{name}", update=self._data_key),
            Route(
                pattern=rf"sign/{name}{named_hash}",
                update=self._with_key(sign, "signing key not found"),
            ),
            Route(
                pattern=rf"verify/{name}{named_hash}",
                update=self._with_key(verify, "signature verification key not found"),
            ),
            Route(
                pattern=rf"hmac/{name}{named_hash}",
                update=self._with_key(keyed_digest, _NOT_FOUND),
            ),
            *digest_routes(),
            *self._keys.routes,
        )

    def _encrypt(self, request: Request) -> Answer:
        key = self._keys.find(request.params["name"])
        # The access check has asked for `create` where there is no key yet.
        key = key or self._keys.make(request.params["name"], Fields({"type": _kind(request.body)}))
        return _done(request, key, _encrypt)

    def _with_key(self, work: _Work, not_found: str) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            key = self._keys.find(request.params["name"])
            if key is None:
                raise invalid(not_found)
            return _done(request, key, work)

        return answer

    def _data_key(self, request: Request) -> Answer:
        key = self._keys.find(request.params["name"])
        if key is None:
            raise invalid(_NOT_FOUND)
        bits = request.body.integer("bits", 256)
        if bits not in (128, 256, 512):
            raise invalid("invalid bit length")
        plaintext = secrets.token_bytes(bits // 8)
        ciphertext, number = encrypt(key, request.body, plaintext)
        found: dict[str, object] = {"ciphertext": ciphertext, "key_version": number}
        if request.params["form"] == "plaintext":
            found["plaintext"] = base64.b64encode(plaintext).decode()
        return Answer(data=found)


def _done(request: Request, key: Key, work: _Work) -> Answer:
    algorithm = request.params.get("algorithm")
    common = {"hash_algorithm": algorithm, "algorithm": algorithm} if algorithm else {}
    batch = request.body.get("batch_input")
    if batch is None:
        return Answer(data=work(key, Fields({**request.body, **common})))
    if not isinstance(batch, list) or not batch:
        raise invalid("missing batch input to process")
    shared = {k: v for k, v in request.body.items() if k != "batch_input"}
    results = [_one(key, work, {**shared, **common}, item) for item in batch]
    status = 400 if any("error" in result for result in results) else 200
    return Answer(status=status, data={"batch_results": results})


def _one(key: Key, work: _Work, shared: dict[str, object], item: object) -> dict[str, object]:
    if not isinstance(item, dict):
        return {"error": "a batch item must be an object"}
    given = {str(name): value for name, value in item.items()}
    reference = {"reference": given["reference"]} if "reference" in given else {}
    try:
        return {**work(key, Fields({**shared, **given})), **reference}
    except Refusal as refusal:
        return {"error": "; ".join(refusal.errors), **reference}


def _encrypt(key: Key, body: Fields) -> dict[str, object]:
    if body.get("plaintext") is None:
        raise invalid("missing plaintext to encrypt")
    plaintext = decoded(body.text("plaintext"), "plaintext")
    ciphertext, number = encrypt(key, body, plaintext)
    return {"ciphertext": ciphertext, "key_version": number}


def _decrypt(key: Key, body: Fields) -> dict[str, object]:
    if not body.text("ciphertext"):
        raise invalid("missing ciphertext to decrypt")
    return {"plaintext": base64.b64encode(decrypt(key, body)).decode()}


def _rewrap(key: Key, body: Fields) -> dict[str, object]:
    if not body.text("ciphertext"):
        raise invalid("missing ciphertext to rewrap")
    ciphertext, number = encrypt(key, body, decrypt(key, body))
    return {"ciphertext": ciphertext, "key_version": number}


def _kind(body: Fields) -> str:
    return body.text("type") or "aes256-gcm96"
