"""Encryption: what comes back, what does not, and what a rotation changes."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hvac.exceptions import Forbidden, InvalidRequest
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import DevelopmentVault

Post = Callable[..., dict[str, Any]]
KINDS = ["aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "rsa-2048"]


def b64(text: str) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "hello"], ids=["empty", "text"])
def test_what_was_encrypted_can_be_decrypted(post: Post, kind: str, text: str) -> None:
    """By every kind of key, also the empty text; twice the same text looks different."""
    post("keys/k", type=kind)
    one, two = (post("encrypt/k", plaintext=b64(text))["ciphertext"] for _ in range(2))

    assert one != two
    assert one.startswith("vault:v1:")
    assert post("decrypt/k", ciphertext=one)["plaintext"] == b64(text)


def test_a_changed_ciphertext_is_refused(post: Post) -> None:
    """One bit is enough."""
    post("keys/k")
    raw = base64.b64decode(post("encrypt/k", plaintext=b64("x"))["ciphertext"].split(":")[2])
    changed = base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()

    with pytest.raises(InvalidRequest, match="unable to decrypt"):
        post("decrypt/k", ciphertext=f"vault:v1:{changed}")


def test_old_ciphertexts_are_read_until_it_is_forbidden(post: Post) -> None:
    """A rewrap brings them to the newest version without showing what is inside."""
    post("keys/k")
    old = post("encrypt/k", plaintext=b64("x"))["ciphertext"]
    post("keys/k/rotate")
    new = post("rewrap/k", ciphertext=old)
    assert (new["key_version"], new["ciphertext"][:9]) == (2, "vault:v2:")
    assert "plaintext" not in new

    post("keys/k/config", min_decryption_version=2)

    with pytest.raises(InvalidRequest, match="too old"):
        post("decrypt/k", ciphertext=old)
    assert post("decrypt/k", ciphertext=new["ciphertext"])["plaintext"] == b64("x")


def test_a_derived_key_needs_its_context(post: Post) -> None:
    """Each context has a key of its own."""
    post("keys/k", derived=True)
    ciphertext = post("encrypt/k", plaintext=b64("x"), context=b64("one"))["ciphertext"]

    with pytest.raises(InvalidRequest, match="missing 'context'"):
        post("decrypt/k", ciphertext=ciphertext)
    with pytest.raises(InvalidRequest, match="unable to decrypt"):
        post("decrypt/k", ciphertext=ciphertext, context=b64("two"))
    found = post("decrypt/k", ciphertext=ciphertext, context=b64("one"))
    assert found["plaintext"] == b64("x")


def test_a_convergent_key_encrypts_alike_what_is_alike(post: Post) -> None:
    """In one context only."""
    post("keys/k", derived=True, convergent_encryption=True)

    def encrypted(text: str, context: str) -> object:
        return post("encrypt/k", plaintext=b64(text), context=b64(context))["ciphertext"]

    assert encrypted("x", "one") == encrypted("x", "one")
    assert encrypted("x", "one") != encrypted("y", "one")
    assert encrypted("x", "one") != encrypted("x", "two")


def test_associated_data_is_bound_and_not_kept(post: Post) -> None:
    """Whoever decrypts must know it."""
    post("keys/k")
    made = post("encrypt/k", plaintext=b64("x"), associated_data=b64("thread-1"))["ciphertext"]

    with pytest.raises(InvalidRequest, match="unable to decrypt"):
        post("decrypt/k", ciphertext=made, associated_data=b64("thread-2"))
    found = post("decrypt/k", ciphertext=made, associated_data=b64("thread-1"))
    assert found["plaintext"] == b64("x")


def test_a_batch_is_answered_one_by_one(root: Hvac, post: Post) -> None:
    """In its order, with references; an item that fails tells why and spares the others."""
    post("keys/k")
    made = post(
        "encrypt/k",
        batch_input=[{"plaintext": b64("x"), "reference": "a"}, {"plaintext": b64("y")}],
    )["batch_results"]
    assert made[0]["reference"] == "a"

    items = [{"ciphertext": made[1]["ciphertext"]}, {"ciphertext": "vault:v9:AAAA"}, 7]
    answer = root._adapter.session.post(
        f"{root.url}/v1/transit/decrypt/k",
        json={"batch_input": items},
        headers={"X-Vault-Token": root.token},
    )

    assert answer.status_code == 400
    good, *bad = answer.json()["data"]["batch_results"]
    assert good == {"plaintext": b64("y")}
    assert all("error" in item for item in bad)


def test_a_data_key_comes_with_its_wrapping(post: Post) -> None:
    """In the clear only where that was asked for."""
    post("keys/k")
    plain, wrapped = post("datakey/plaintext/k", bits=128), post("datakey/wrapped/k")

    assert len(base64.b64decode(plain["plaintext"])) == 16
    assert "plaintext" not in wrapped
    opened = post("decrypt/k", ciphertext=plain["ciphertext"])["plaintext"]
    assert opened == plain["plaintext"]
    with pytest.raises(InvalidRequest, match="invalid bit length"):
        post("datakey/plaintext/k", bits=64)


def test_encrypting_with_no_key_makes_one_for_who_may_create(
    post: Post, child: Callable[..., Hvac]
) -> None:
    """The capability to update is not enough."""
    post("keys/known")
    body = {"plaintext": b64("x")}
    client = child('path "transit/encrypt/*" { capabilities = ["update"] }')
    client.adapter.post("/v1/transit/encrypt/known", json=body)
    with pytest.raises(Forbidden):
        client.adapter.post("/v1/transit/encrypt/new", json=body)

    client = child('path "transit/encrypt/*" { capabilities = ["create"] }')
    client.adapter.post("/v1/transit/encrypt/new", json=body)
    assert post("keys/new")["type"] == "aes256-gcm96"


def test_a_key_rotates_by_itself(post: Post, devvault: DevelopmentVault) -> None:
    """When its period is over and it is used."""
    post("keys/k", auto_rotate_period="1h")
    devvault.let_pass(3601)

    assert post("encrypt/k", plaintext=b64("x"))["key_version"] == 2


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("decrypt/none", {"ciphertext": "vault:v1:AAAA"}, "encryption key not found"),
        ("datakey/plaintext/none", {}, "encryption key not found"),
        ("decrypt/k", {}, "missing ciphertext"),
        ("rewrap/k", {}, "missing ciphertext"),
        ("encrypt/k", {}, "missing plaintext"),
        ("encrypt/k", {"plaintext": "no base64!"}, "failed to base64-decode plaintext"),
        ("encrypt/k", {"batch_input": []}, "missing batch input"),
        ("encrypt/k", {"plaintext": "", "key_version": 2}, "higher than the latest"),
        ("decrypt/k", {"ciphertext": "AAAA"}, "no prefix"),
        ("decrypt/k", {"ciphertext": "vault:v2:AAAA"}, "too new"),
        ("encrypt/signs", {"plaintext": ""}, "does not support encryption"),
        ("decrypt/signs", {"ciphertext": "vault:v1:AAAA"}, "does not support decryption"),
    ],
)
def test_what_cannot_be_done_is_refused(
    post: Post, path: str, body: dict[str, object], words: str
) -> None:
    """What is wrong is said."""
    post("keys/k")
    post("keys/signs", type="ed25519")

    with pytest.raises(InvalidRequest, match=words):
        post(path, **body)
