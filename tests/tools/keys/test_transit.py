"""Keys that never leave Vault: what they wrap and sign, and what is said where they do not."""

import base64
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.sealed import House, open_house

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.keys.transit import Transit, version_of
from bailiwick.tools.provision.services import CHECKPOINT_KEY, CHECKPOINT_KEYS, CHECKPOINTS


@pytest.fixture
def house(devvault: DevelopmentVault) -> Iterator[House]:
    """A Vault with the services of the house."""
    with open_house(devvault, "sqlite://") as opened:
        yield opened


@pytest.fixture
def sealing(house: House) -> Transit:
    """The key of checkpoints, as a run uses it."""
    return house.transit(CHECKPOINT_KEY, CHECKPOINTS)


@pytest.fixture
def keeping(house: House) -> Transit:
    """The key of checkpoints, as an operator uses it."""
    return house.transit(CHECKPOINT_KEY, CHECKPOINT_KEYS)


def test_a_data_key_is_unwrapped_for_its_context_alone(sealing: Transit) -> None:
    """It has 256 bits; for another context Vault does not give it out."""
    made = sealing.make(b"one")
    assert len(base64.b64decode(made.plain.get_secret_value())) == 32
    assert sealing.unwrap(made.wrapped, b"one") == made.plain
    with pytest.raises(VaultError, match="belongs to another thread"):
        sealing.unwrap(made.wrapped, b"two")


def test_a_data_key_is_not_shown(sealing: Transit) -> None:
    """By what holds it."""
    made = sealing.make(b"one")
    assert made.plain.get_secret_value() not in f"{made!r} {made}"


def test_rewrapping_nothing_asks_nobody(house: House, keeping: Transit) -> None:
    """The empty case."""
    before = house.requests()
    assert keeping.rewrap([]) == []
    assert house.requests() == before


def test_a_key_wrapped_anew_is_the_same_key(sealing: Transit, keeping: Transit) -> None:
    """Under the newest version; and what cannot be unwrapped is told one by one."""
    made = sealing.make(b"one")
    keeping.rotate()
    wrapped, lost, foreign = keeping.rewrap(
        [(made.wrapped, b"one"), (made.wrapped, b"two"), ("garbage", b"one")]
    )
    assert wrapped is not None
    assert (version_of(made.wrapped), version_of(wrapped)) == (1, 2)
    assert sealing.unwrap(wrapped, b"one") == made.plain
    assert (lost, foreign) == (None, None)


def test_what_a_retired_version_wrapped_stays_shut(
    house: House, sealing: Transit, keeping: Transit
) -> None:
    """Also after somebody has lowered the limit again: the version is gone."""
    made = sealing.make(b"one")
    keeping.rotate()
    keeping.retire(2)
    with pytest.raises(VaultError, match="its version was retired"):
        sealing.unwrap(made.wrapped, b"one")
    with suppress(VaultError):
        house.operator.write(f"transit/keys/{CHECKPOINT_KEY}/config", min_decryption_version=1)
    with pytest.raises(VaultError, match="cannot unwrap"):
        sealing.unwrap(made.wrapped, b"one")


def test_whoever_seals_may_not_renew_and_whoever_renews_may_not_open(
    sealing: Transit, keeping: Transit
) -> None:
    """Each service has what it needs."""
    made = sealing.make(b"one")
    with pytest.raises(VaultError, match=r"'checkpoints\.service' may not use"):
        sealing.rotate()
    with pytest.raises(VaultError, match=r"'checkpoint-keys\.service' may not use"):
        keeping.unwrap(made.wrapped, b"one")


def test_a_signature_is_checked_with_the_public_key_alone(house: House) -> None:
    """Each version has its own."""
    version, signature = house.signer.sign(b"what happened")
    house.operator.write(f"transit/keys/{house.signer.name}/rotate")
    public = house.signer.public_keys()
    assert (version, sorted(public)) == (1, [1, 2])
    Ed25519PublicKey.from_public_bytes(public[version]).verify(signature, b"what happened")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(public[2]).verify(signature, b"what happened")


def test_a_key_that_cannot_sign_is_told(sealing: Transit) -> None:
    """It has no public key."""
    with pytest.raises(VaultError, match="is no ed25519 key"):
        sealing.public_keys()


def test_a_missing_key_is_told_with_the_remedy(house: House, sealing: Transit) -> None:
    """As is a missing engine."""
    house.operator.write(f"transit/keys/{CHECKPOINT_KEY}/config", deletion_allowed=True)
    house.operator.delete(f"transit/keys/{CHECKPOINT_KEY}")
    for use in (sealing.latest, lambda: sealing.make(b"one")):
        with pytest.raises(VaultError, match=r"has no transit key .* run `bailiwick vault setup`"):
            use()
    with pytest.raises(VaultError, match=r"may not use|has no transit key"):
        replace(sealing, mount="elsewhere").latest()


def test_a_sealed_vault_is_told_with_the_remedy(house: House, sealing: Transit) -> None:
    """Nothing is made up in its place."""
    sealing.latest()
    house.devvault.seal()
    with pytest.raises(VaultError, match="is sealed or not active: unseal it"):
        sealing.make(b"one")


@pytest.mark.parametrize("text", ["", "vault", "vault:v", "vault:vx:1", "v3:x"])
def test_a_text_of_no_version_has_none(text: str) -> None:
    """So it is older than any."""
    assert version_of(text) == 0
