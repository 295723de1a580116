"""Owns signatures and keyed digests, in Vault's text form."""

import base64
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.transit.algorithms import PrivateKey, hash_named
from bailiwick.tools.devvault.transit.ciphers import context, decoded, split
from bailiwick.tools.devvault.transit.keys import Key

_DEFAULT_HASH = "sha2-256"


def sign(key: Key, body: Fields) -> dict[str, object]:
    """Return the signature of the field `input`.

    Raises:
        Refusal: With status 400, if the key cannot sign so.
    """
    _check_signs(key)
    number = key.for_making(body.integer("key_version"))
    pair, content = key.pair(number, context(body)), decoded(body.text("input"), "input")
    made = _sign(pair, body, content)
    text = _jws(pair, made) if _is_jws(body) else base64.b64encode(made).decode()
    shown: dict[str, object] = {"signature": f"vault:v{number}:{text}", "key_version": number}
    if key.derived and isinstance(pair, ed25519.Ed25519PrivateKey):
        raw = pair.public_key().public_bytes_raw()
        shown["public_key"] = base64.b64encode(raw).decode()
    return shown


def verify(key: Key, body: Fields) -> dict[str, object]:
    """Return whether the field `signature` or `hmac` is one of the field `input`.

    Raises:
        Refusal: With status 400, if the key is no judge of it.
    """
    if body.text("hmac"):
        return {"valid": _verify_hmac(key, body)}
    if not body.text("signature"):
        raise invalid("neither a signature nor an hmac was given to verify")
    _check_signs(key)
    prefix, _, rest = body.text("signature").rpartition(":")
    padded = f"{prefix}:{rest}{'=' * (-len(rest) % 4)}"
    number, signature = split(padded)
    key.for_checking(number)
    pair, content = key.pair(number, context(body)), decoded(body.text("input"), "input")
    if _is_jws(body) and isinstance(pair, ec.EllipticCurvePrivateKey):
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        signature = utils.encode_dss_signature(r, s)
    try:
        _verify(pair, body, content, signature)
    except InvalidSignature:
        return {"valid": False}
    return {"valid": True}


def keyed_digest(key: Key, body: Fields) -> dict[str, object]:
    """Return the HMAC of the field `input`.

    Raises:
        Refusal: With status 400, if the algorithm is unknown.
    """
    number = key.for_making(body.integer("key_version"))
    return {"hmac": f"vault:v{number}:{base64.b64encode(_hmac(key, number, body)).decode()}"}


def _verify_hmac(key: Key, body: Fields) -> bool:
    number, given = split(body.text("hmac"))
    key.for_checking(number)
    return hmac.compare_digest(_hmac(key, number, body), given)


def _hmac(key: Key, number: int, body: Fields) -> bytes:
    name = body.text("algorithm") or body.text("hash_algorithm") or _DEFAULT_HASH
    content = decoded(body.text("input"), "input")
    return hmac.new(key.versions[number].hmac_key, content, hash_named(name).name).digest()


def _check_signs(key: Key) -> None:
    if not key.algorithm.signs:
        raise invalid(f"key type {key.kind} does not support signing")


def _sign(pair: PrivateKey, body: Fields, content: bytes) -> bytes:
    match pair:
        case ed25519.Ed25519PrivateKey():
            return pair.sign(content)
        case ec.EllipticCurvePrivateKey():
            return pair.sign(content, ec.ECDSA(_hash(body)))
        case rsa.RSAPrivateKey():
            return pair.sign(content, _padding(body, signing=True), _hash(body))


def _verify(pair: PrivateKey, body: Fields, content: bytes, signature: bytes) -> None:
    public = pair.public_key()
    match public:
        case ed25519.Ed25519PublicKey():
            public.verify(signature, content)
        case ec.EllipticCurvePublicKey():
            public.verify(signature, content, ec.ECDSA(_hash(body)))
        case rsa.RSAPublicKey():
            public.verify(signature, content, _padding(body, signing=False), _hash(body))


def _hash(body: Fields) -> hashes.HashAlgorithm | utils.Prehashed:
    name = body.text("hash_algorithm") or body.text("algorithm") or _DEFAULT_HASH
    algorithm = hash_named(name)
    return utils.Prehashed(algorithm) if body.boolean("prehashed") else algorithm


def _padding(body: Fields, *, signing: bool) -> padding.PSS | padding.PKCS1v15:
    name = body.text("signature_algorithm") or "pss"
    if name == "pkcs1v15":
        return padding.PKCS1v15()
    if name != "pss":
        raise invalid(f"unsupported signature algorithm {name!r}")
    mgf = padding.MGF1(hash_named(body.text("hash_algorithm") or _DEFAULT_HASH))
    salt = body.text("salt_length") or "auto"
    # Go's numbers for the two words.
    if salt in ("hash", "-1"):
        return padding.PSS(mgf=mgf, salt_length=padding.PSS.DIGEST_LENGTH)
    if salt.isdecimal() and salt != "0":
        return padding.PSS(mgf=mgf, salt_length=int(salt))
    if salt not in ("auto", "0"):
        raise invalid(f"invalid salt length {salt!r}")
    # Signing uses the longest salt there is room for; verifying finds out.
    auto = padding.PSS.MAX_LENGTH if signing else padding.PSS.AUTO
    return padding.PSS(mgf=mgf, salt_length=auto)


def _is_jws(body: Fields) -> bool:
    return body.text("marshaling_algorithm") == "jws"


def _jws(pair: PrivateKey, signature: bytes) -> str:
    if isinstance(pair, ec.EllipticCurvePrivateKey):
        size = (pair.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(signature)
        signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")
