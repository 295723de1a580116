"""Owns the kinds of keys: how each is made, and what it can do."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bailiwick.tools.devvault.refusals import invalid

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha2-224": hashes.SHA224,
    "sha2-256": hashes.SHA256,
    "sha2-384": hashes.SHA384,
    "sha2-512": hashes.SHA512,
    "sha3-224": hashes.SHA3_224,
    "sha3-256": hashes.SHA3_256,
    "sha3-384": hashes.SHA3_384,
    "sha3-512": hashes.SHA3_512,
}
HMAC_SIZE = 32
"""The length in bytes of the HMAC key that every key has besides its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """Describe one kind of key.

    Attributes:
        name: Its name in the answers, where it differs from the kind.
        size: The length of a symmetric key in bytes; 0 where the key is a pair.
        make: Makes a pair.
        encrypts: Whether it encrypts.
        signs: Whether it signs.
        derives: Whether a key can be derived from it for each context.
    """

    name: str = ""
    size: int = 0
    make: Callable[[], PrivateKey] | None = None
    encrypts: bool = False
    signs: bool = False
    derives: bool = False

    def material(self, size: int) -> bytes:
        """Return a new key: its bytes, or its pair in PKCS 8."""
        if self.make is None:
            return secrets.token_bytes(size or self.size)
        return self.make().private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def _rsa(size: int) -> Algorithm:
    def make() -> PrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=size)

    return Algorithm(name=f"rsa-{size}", make=make, encrypts=True, signs=True)


def _ecdsa(curve: Callable[[], ec.EllipticCurve]) -> Algorithm:
    def make() -> PrivateKey:
        return ec.generate_private_key(curve())

    return Algorithm(name=f"P-{curve().key_size}", make=make, signs=True)


ALGORITHMS: Mapping[str, Algorithm] = {
    "aes128-gcm96": Algorithm(size=16, encrypts=True, derives=True),
    "aes256-gcm96": Algorithm(size=32, encrypts=True, derives=True),
    "chacha20-poly1305": Algorithm(size=32, encrypts=True, derives=True),
    "ed25519": Algorithm(
        name="ed25519", make=ed25519.Ed25519PrivateKey.generate, signs=True, derives=True
    ),
    "ecdsa-p256": _ecdsa(ec.SECP256R1),
    "ecdsa-p384": _ecdsa(ec.SECP384R1),
    "ecdsa-p521": _ecdsa(ec.SECP521R1),
    "rsa-2048": _rsa(2048),
    "rsa-3072": _rsa(3072),
    "rsa-4096": _rsa(4096),
    "hmac": Algorithm(size=HMAC_SIZE),
}
"""Every kind of key that there is."""


def hash_named(name: str) -> hashes.HashAlgorithm:
    """Return a hash algorithm.

    Raises:
        Refusal: With status 400, if there is none of this name.
    """
    if name not in _HASHES:
        raise invalid(f"unsupported hash algorithm {name!r}")
    return _HASHES[name]()
