"""Owns encryption and decryption: Vault's text form around authenticated ciphers."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.transit.keys import Key, KeyVersion

_FORM = re.compile(r"vault:v(\d+):(.+)", re.DOTALL)
_NONCE = 12
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def encrypt(key: Key, body: Fields, plaintext: bytes) -> tuple[str, int]:
    """Return a plaintext encrypted, in Vault's form, and the version that did it.

    Args:
        key: The key.
        body: May hold `context`, `associated_data`, `key_version`.
        plaintext: What to encrypt.

    Raises:
        Refusal: With status 400, if the key cannot do it so.
    """
    if not key.algorithm.encrypts:
        raise invalid(f"key type {key.kind} does not support encryption")
    number = key.for_making(body.integer("key_version"))
    sealed = _seal(key, number, body, plaintext)
    return f"vault:v{number}:{base64.b64encode(sealed).decode()}", number


def decrypt(key: Key, body: Fields) -> bytes:
    """Return what the field `ciphertext` holds.

    Raises:
        Refusal: With status 400, if it cannot be decrypted.
    """
    if not key.algorithm.encrypts:
        raise invalid(f"key type {key.kind} does not support decryption")
    number, sealed = split(body.text("ciphertext"))
    version = key.for_checking(number)
    try:
        if key.algorithm.make is not None:
            return _pair(key, number).decrypt(sealed, _OAEP)
        cipher_key, _ = _keys(key, version, body)
        cipher = _cipher(key, cipher_key)
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _associated(body))
    except (InvalidTag, ValueError):
        raise invalid("invalid ciphertext: unable to decrypt") from None


def split(text: str) -> tuple[int, bytes]:
    """Return the version and the bytes of a ciphertext or signature in Vault's form.

    Raises:
        Refusal: With status 400, if it has another form.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise invalid("invalid ciphertext: no prefix")
    return int(found[1]), decoded(found[2], "ciphertext")


def decoded(text: str, name: str) -> bytes:
    """Return the bytes of a field in base64, in the common or in the URL's alphabet.

    Raises:
        Refusal: With status 400, if it is no base64.
    """
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"failed to base64-decode {name}") from None


def context(body: Fields) -> bytes:
    """Return the context that a key is derived for; empty where there is none."""
    return decoded(body.text("context"), "context")


def _seal(key: Key, number: int, body: Fields, plaintext: bytes) -> bytes:
    if key.algorithm.make is not None:
        return _pair(key, number).public_key().encrypt(plaintext, _OAEP)
    cipher_key, nonce_key = _keys(key, key.versions[number], body)
    nonce = secrets.token_bytes(_NONCE)
    if key.convergent:
        nonce = hmac.new(nonce_key, plaintext, hashlib.sha256).digest()[:_NONCE]
    return nonce + _cipher(key, cipher_key).encrypt(nonce, plaintext, _associated(body))


def _keys(key: Key, version: KeyVersion, body: Fields) -> tuple[bytes, bytes]:
    size = key.algorithm.size
    both = key.derive(version, context(body), size * 2 if key.convergent else size)
    return both[:size], both[size:]


def _cipher(key: Key, material: bytes) -> AESGCM | ChaCha20Poly1305:
    return ChaCha20Poly1305(material) if key.kind.startswith("chacha") else AESGCM(material)


def _associated(body: Fields) -> bytes | None:
    given = body.text("associated_data")
    return decoded(given, "associated_data") if given else None


def _pair(key: Key, number: int) -> rsa.RSAPrivateKey:
    pair = key.pair(number)
    if not isinstance(pair, rsa.RSAPrivateKey):
        raise invalid(f"key type {key.kind} does not support encryption")
    return pair
