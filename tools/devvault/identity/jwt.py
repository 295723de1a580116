"""Owns the signing and checking of JSON web tokens (RFC 7515, 7517, 7519), as far as OIDC needs."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}
ALGORITHMS = ("RS256", "RS384", "RS512", *_CURVES, "EdDSA")
"""The signature algorithms that a key may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """Hold one key pair under its id."""

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    algorithm: str
    private: PrivateKey = field(repr=False)

    @property
    def jwk(self) -> dict[str, object]:
        """The public key as a JSON web key."""
        shown: dict[str, object] = {"use": "sig", "kid": self.id, "alg": self.algorithm}
        public = self.private.public_key()
        match public:
            case rsa.RSAPublicKey():
                numbers = public.public_numbers()
                return {**shown, "kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
            case ec.EllipticCurvePublicKey():
                point, size = public.public_numbers(), (public.key_size + 7) // 8
                name = f"P-{public.key_size}"
                ends = {"x": _number(point.x, size), "y": _number(point.y, size)}
                return {**shown, "kty": "EC", "crv": name, **ends}
            case ed25519.Ed25519PublicKey():
                return {
                    **shown,
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "x": _b64(public.public_bytes_raw()),
                }

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return a signed token."""
        header = {"alg": self.algorithm, "kid": self.id}
        content = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
        return f"{content}.{_b64(_signature(self, content.encode()))}"

    def claims(self, token: str) -> dict[str, object] | None:
        """Return what a token of this key says, or None where it is none."""
        content, _, end = token.rpartition(".")
        try:
            _check(self, _bytes(end), content.encode())
            found = json.loads(_bytes(content.partition(".")[2]))
        except (InvalidSignature, ValueError):
            return None
        return found if isinstance(found, dict) else None


def new_key(algorithm: str) -> SigningKey:
    """Return a new key for an algorithm."""
    if algorithm == "EdDSA":
        return SigningKey(algorithm=algorithm, private=ed25519.Ed25519PrivateKey.generate())
    if algorithm in _CURVES:
        curve = ec.generate_private_key(_CURVES[algorithm]())
        return SigningKey(algorithm=algorithm, private=curve)
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return SigningKey(algorithm=algorithm, private=pair)


def key_id(token: str) -> str:
    """Return the id of the key that a token says it is signed with, or an empty text."""
    try:
        header = json.loads(_bytes(token.partition(".")[0]))
    except ValueError:
        return ""
    return str(header.get("kid", "")) if isinstance(header, dict) else ""


def _signature(key: SigningKey, content: bytes) -> bytes:
    private = key.private
    match private:
        case rsa.RSAPrivateKey():
            return private.sign(content, padding.PKCS1v15(), _hash(key))
        case ec.EllipticCurvePrivateKey():
            size = (private.curve.key_size + 7) // 8
            r, s = utils.decode_dss_signature(private.sign(content, ec.ECDSA(_hash(key))))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case ed25519.Ed25519PrivateKey():
            return private.sign(content)


def _check(key: SigningKey, signature: bytes, content: bytes) -> None:
    public = key.private.public_key()
    match public:
        case rsa.RSAPublicKey():
            public.verify(signature, content, padding.PKCS1v15(), _hash(key))
        case ec.EllipticCurvePublicKey():
            half = len(signature) // 2
            r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            public.verify(utils.encode_dss_signature(r, s), content, ec.ECDSA(_hash(key)))
        case ed25519.Ed25519PublicKey():
            public.verify(signature, content)


def _hash(key: SigningKey) -> hashes.HashAlgorithm:
    return _HASHES[key.algorithm[2:]]()


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value: int, size: int = 0) -> str:
    return _b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
