"""The keys themselves: what is told of them, and when they may leave or end."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hvac.exceptions import InternalServerError, InvalidPath, InvalidRequest
from tests.tools.devvault.clients import Hvac

Post = Callable[..., dict[str, Any]]


@pytest.fixture
def transit(root: Hvac, post: Post) -> Hvac:  # noqa: ARG001 - it mounts the engine
    """Give the engine's API."""
    return root.secrets.transit


def test_nothing_there_is_nothing(transit: Hvac) -> None:
    """Reading and listing answer 404, deleting and rotating say so."""
    for ask in (lambda: transit.read_key("k"), transit.list_keys):
        with pytest.raises(InvalidPath):
            ask()
    with pytest.raises(InvalidRequest, match="not found"):
        transit.delete_key("k")
    with pytest.raises(InvalidRequest, match="key not found"):
        transit.rotate_key("k")


def test_no_read_shows_a_secret_key(transit: Hvac) -> None:
    """Times of making, or public keys."""
    transit.create_key("k")
    transit.create_key("pair", key_type="ed25519")

    shown = transit.read_key("k")["data"]
    assert all(isinstance(made, int) for made in shown["keys"].values())
    assert set(transit.read_key("pair")["data"]["keys"]["1"]) == {
        "name",
        "creation_time",
        "public_key",
        "certificate_chain",
    }
    assert transit.list_keys()["data"]["keys"] == ["k", "pair"]


def test_making_a_key_again_changes_nothing(transit: Hvac, post: Post) -> None:
    """The key that is there stays."""
    transit.create_key("k")
    made = transit.encrypt_data("k", plaintext="eA==")["data"]["ciphertext"]

    assert transit.create_key("k", key_type="ed25519")["warnings"]
    assert post("decrypt/k", ciphertext=made)["plaintext"] == "eA=="


def test_a_key_is_deleted_only_where_that_was_allowed(transit: Hvac) -> None:
    """By mistake nothing is made unreadable."""
    transit.create_key("k")
    with pytest.raises(InvalidRequest, match="deletion is not allowed"):
        transit.delete_key("k")

    transit.update_key_configuration("k", deletion_allowed=True)
    transit.delete_key("k")
    with pytest.raises(InvalidPath):
        transit.read_key("k")


def test_a_key_leaves_only_where_that_was_allowed(transit: Hvac, post: Post) -> None:
    """What was allowed cannot be taken back."""
    transit.create_key("k")
    with pytest.raises(InvalidRequest, match="not exportable"):
        transit.export_key("k", key_type="encryption-key")

    transit.update_key_configuration("k", exportable=True)
    post("keys/k/rotate")
    exported = transit.export_key("k", key_type="encryption-key")["data"]["keys"]
    assert {len(base64.b64decode(key)) for key in exported.values()} == {32}
    latest = transit.export_key("k", key_type="hmac-key", version="latest")["data"]["keys"]
    assert list(latest) == ["2"]
    with pytest.raises(InvalidRequest, match="not taken back"):
        post("keys/k/config", exportable=False)


def test_a_pair_leaves_as_text(root: Hvac, transit: Hvac) -> None:
    """A public key may leave anyway."""
    transit.create_key("k", key_type="rsa-2048")
    public = root.adapter.get("/v1/transit/export/public-key/k")["data"]["keys"]["1"]
    assert public.startswith("-----BEGIN PUBLIC KEY-----")

    transit.update_key_configuration("k", exportable=True)
    private = transit.export_key("k", key_type="signing-key")["data"]["keys"]["1"]
    assert private.startswith("-----BEGIN RSA PRIVATE KEY-----")


def test_a_backup_brings_a_key_back(transit: Hvac) -> None:
    """Under another name too; what is there is replaced by force only."""
    transit.create_key("k", exportable=True, allow_plaintext_backup=True)
    transit.rotate_key("k")
    made = transit.encrypt_data("k", plaintext="eA==")["data"]["ciphertext"]
    backup = transit.backup_key("k")["data"]["backup"]
    transit.restore_key(backup, name="copy")

    assert transit.decrypt_data("copy", ciphertext=made)["data"]["plaintext"] == "eA=="
    with pytest.raises(InternalServerError, match="already exists"):
        transit.restore_key(backup)
    transit.restore_key(backup, force=True)
    with pytest.raises(InvalidRequest, match="failed to decode the backup"):
        transit.restore_key("eA==", name="other")


def test_trimming_forgets_versions_that_nobody_may_use(transit: Hvac, post: Post) -> None:
    """No version in use is lost."""
    transit.create_key("k")
    for _ in range(3):
        transit.rotate_key("k")
    with pytest.raises(InvalidRequest, match="minimum encryption version is not set"):
        transit.trim_key("k", min_version=2)
    post("keys/k/config", min_decryption_version=3, min_encryption_version=3)
    with pytest.raises(InvalidRequest, match="cannot be higher"):
        transit.trim_key("k", min_version=4)

    transit.trim_key("k", min_version=3)

    assert sorted(transit.read_key("k")["data"]["keys"]) == ["3", "4"]
    with pytest.raises(InvalidRequest, match="cannot be less than min available"):
        post("keys/k/config", min_decryption_version=1)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("keys/new", {"type": "des"}, "unknown key type des"),
        ("keys/new", {"type": "rsa-2048", "derived": True}, "not supported for rsa-2048"),
        ("keys/new", {"convergent_encryption": True}, "requires derivation"),
        ("keys/new", {"auto_rotate_period": "1m"}, "at least an hour"),
        ("keys/k/config", {"min_decryption_version": 2}, "above the latest"),
        ("keys/k/trim", {}, "missing min_available_version"),
        ("restore", {}, "must be supplied"),
    ],
)
def test_what_cannot_be_is_refused(
    transit: Hvac, post: Post, path: str, body: dict[str, object], words: str
) -> None:
    """And changes nothing."""
    transit.create_key("k")

    with pytest.raises(InvalidRequest, match=words):
        post(path, **body)
    assert transit.list_keys()["data"]["keys"] == ["k"]
