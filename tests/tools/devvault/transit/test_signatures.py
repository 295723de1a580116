"""Signatures and keyed digests: whose they are, and of what."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hvac.exceptions import InvalidRequest
from tests.tools.devvault.clients import Hvac

Post = Callable[..., dict[str, Any]]
TEXT, OTHER = "aGVsbG8=", "aGVsbG9v"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ed25519", {}),
        ("ecdsa-p256", {}),
        ("ecdsa-p384", {"marshaling_algorithm": "jws"}),
        ("ecdsa-p521", {"hash_algorithm": "sha2-512"}),
        ("rsa-2048", {}),
        ("rsa-2048", {"signature_algorithm": "pkcs1v15", "hash_algorithm": "sha2-384"}),
        ("rsa-2048", {"salt_length": "hash"}),
        ("rsa-2048", {"salt_length": "20"}),
    ],
    ids=str,
)
def test_a_signature_is_of_its_text_alone(
    post: Post, kind: str, options: dict[str, object]
) -> None:
    """By every kind of key and in every form."""
    post("keys/k", type=kind)
    signature = post("sign/k", input=TEXT, **options)["signature"]

    assert post("verify/k", input=TEXT, signature=signature, **options)["valid"]
    assert not post("verify/k", input=OTHER, signature=signature, **options)["valid"]


def test_a_signature_can_be_checked_without_vault(root: Hvac, post: Post) -> None:
    """The public keys are to be had."""
    for kind in ("ed25519", "ecdsa-p256"):
        post(f"keys/{kind}", type=kind)

    def public(kind: str) -> str:
        found = root.adapter.get(f"/v1/transit/keys/{kind}")["data"]["keys"]["1"]
        return str(found["public_key"])

    def signature(kind: str) -> bytes:
        text = post(f"sign/{kind}", input=TEXT)["signature"].removeprefix("vault:v1:")
        return base64.b64decode(text)

    edwards = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(public("ed25519")))
    edwards.verify(signature("ed25519"), b"hello")
    curve = serialization.load_pem_public_key(public("ecdsa-p256").encode())
    assert isinstance(curve, ec.EllipticCurvePublicKey)
    curve.verify(signature("ecdsa-p256"), b"hello", ec.ECDSA(hashes.SHA256()))


def test_a_derived_key_signs_differently_for_each_context(post: Post) -> None:
    """Its public key comes with the signature."""
    post("keys/k", type="ed25519", derived=True)
    one, two = (post("sign/k", input=TEXT, context=context) for context in ("b25l", "dHdv"))

    assert one["public_key"] != two["public_key"]
    assert post("verify/k", input=TEXT, context="b25l", signature=one["signature"])["valid"]
    assert not post("verify/k", input=TEXT, context="b25l", signature=two["signature"])["valid"]


@pytest.mark.parametrize("kind", ["hmac", "aes256-gcm96"])
def test_a_keyed_digest_is_of_its_text_and_its_key(post: Post, kind: str) -> None:
    """The algorithm may stand in the path; a rotation makes another key."""
    post("keys/k", type=kind)
    made = post("hmac/k/sha2-512", input=TEXT)["hmac"]

    assert post("verify/k/sha2-512", input=TEXT, hmac=made)["valid"]
    assert not post("verify/k/sha2-512", input=OTHER, hmac=made)["valid"]
    assert not post("verify/k", input=TEXT, hmac=made)["valid"]
    post("keys/k/rotate")
    assert post("hmac/k/sha2-512", input=TEXT)["hmac"] != made
    assert post("verify/k/sha2-512", input=TEXT, hmac=made)["valid"]


def test_digests_and_random_bytes_need_no_key(post: Post, root: Hvac) -> None:
    """Below transit and below the system's tools alike."""
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

    assert post("hash", input=TEXT)["sum"] == digest
    assert len(base64.b64decode(post("hash/sha3-512", input=TEXT, format="base64")["sum"])) == 64
    assert len(post("random/16", format="hex")["random_bytes"]) == 32
    tools = root.adapter.post("/v1/sys/tools/hash", json={"input": TEXT})["data"]
    assert tools["sum"] == digest
    for path, body in (("random", {"bytes": 0}), ("hash", {"input": "", "format": "x"})):
        with pytest.raises(InvalidRequest):
            post(path, **body)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("sign/none", {"input": TEXT}, "signing key not found"),
        ("verify/none", {"input": TEXT}, "verification key not found"),
        ("hmac/none", {"input": TEXT}, "encryption key not found"),
        ("sign/aes", {"input": TEXT}, "does not support signing"),
        ("verify/k", {"input": TEXT}, "neither a signature nor an hmac"),
        ("verify/k", {"input": TEXT, "signature": "AAAA"}, "no prefix"),
        ("sign/k", {"input": TEXT, "hash_algorithm": "md5"}, "unsupported hash"),
        ("sign/k", {"input": TEXT, "signature_algorithm": "x"}, "unsupported signature"),
        ("sign/k", {"input": TEXT, "salt_length": "x"}, "invalid salt length"),
    ],
)
def test_what_cannot_be_done_is_refused(
    post: Post, path: str, body: dict[str, object], words: str
) -> None:
    """What is wrong is said."""
    post("keys/k", type="rsa-2048")
    post("keys/aes")

    with pytest.raises(InvalidRequest, match=words):
        post(path, **body)
