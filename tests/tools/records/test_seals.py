"""The form of a seal: what it states is what is signed, and nothing else reads as one."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records.chain import GENESIS
from bailiwick.tools.records.seals import (
    Head,
    Seal,
    SealStatement,
    fingerprint,
    from_pem,
    message,
    root_of,
    to_pem,
    unchained,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
KEYS = from_pem(to_pem([PUBLIC]).encode())


def statement(number: int = 1, previous: str = GENESIS, root: str = "0" * 64) -> SealStatement:
    """Return a statement."""
    return SealStatement(
        number=number,
        at="2026-11-20T00:00:00.000000Z",
        previous=previous,
        root=root,
        threads=1,
        records=2,
    )


def signed(stated: SealStatement) -> Seal:
    """Return a seal."""
    signature = KEY.sign(message(stated))
    return Seal(
        statement=stated, signature=base64.b64encode(signature).decode(), key=fingerprint(PUBLIC)
    )


def test_no_chains_have_a_root_of_their_own() -> None:
    """The hash of nothing, as RFC 6962 says."""
    assert root_of([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


heads = st.lists(
    st.builds(
        Head,
        st.text(max_size=4),
        st.integers(1, 2**53 - 1),
        st.sampled_from(["a" * 64, "b" * 64]),
    ),
    max_size=5,
    unique_by=lambda head: head.thread,
)


@given(heads, heads)
def test_a_root_stands_for_one_set_of_heads(one: list[Head], other: list[Head]) -> None:
    """Whatever their order; a thread, a place or a hash that differs makes another."""
    assert root_of(one) == root_of(reversed(one))
    assert (root_of(one) == root_of(other)) == (set(one) == set(other))


def test_a_seal_comes_back_from_its_line() -> None:
    """And its signature is good there."""
    seal = signed(statement())
    assert Seal.from_line(seal.to_line()) == seal
    assert Seal.from_line(seal.to_line()).is_signed(KEYS)


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", "null", '{"statement":{}}', "\x00", "-----BEGIN PUBLIC KEY-----"]
)
def test_what_is_no_seal_is_refused(line: str) -> None:
    """With what to keep instead."""
    with pytest.raises(LedgerError, match="keep what `bailiwick audit seal` prints"):
        Seal.from_line(line)


@pytest.mark.parametrize("field", sorted(SealStatement.model_fields))
def test_every_part_of_a_statement_is_signed(field: str) -> None:
    """Changed in one, its signature is not good."""
    seal = signed(statement())
    value = getattr(seal.statement, field)
    other = value + 1 if isinstance(value, int) else f"{value}0"
    changed = seal.statement.model_copy(update={field: other})
    assert not seal.model_copy(update={"statement": changed}).is_signed(KEYS)


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64!", "A" * 88])
def test_a_garbled_signature_is_not_good(signature: str) -> None:
    """And no error."""
    assert not signed(statement()).model_copy(update={"signature": signature}).is_signed(KEYS)


def test_a_signature_is_not_good_without_its_key() -> None:
    """Nor with another one under its name."""
    seal = signed(statement())
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key()
    assert not seal.is_signed({})
    assert not seal.is_signed({seal.key: other})


def test_several_public_keys_are_read_from_one_file() -> None:
    """Those of older versions stay good for what they have signed."""
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key().public_bytes_raw()
    found = from_pem(f"# ours\n{to_pem([PUBLIC, other])}".encode())
    assert set(found) == {fingerprint(PUBLIC), fingerprint(other)}


def test_what_is_no_ed25519_key_is_refused() -> None:
    """Nothing, something garbled, and a key of another kind."""
    elliptic = generate_private_key(SECP256R1()).public_key()
    pem = elliptic.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    garbled = b"-----BEGIN PUBLIC KEY-----\nxxxx\n-----END PUBLIC KEY-----\n"
    for content in (b"", b"a letter", pem, garbled):
        with pytest.raises(LedgerError, match="keep what `bailiwick audit key` prints"):
            from_pem(content)


def test_seals_follow_one_another() -> None:
    """None is missing, and none was put in another's place."""
    first = signed(statement())
    second = signed(statement(2, first.hash))
    third = signed(statement(3, second.hash))
    assert unchained([], GENESIS) is None
    assert unchained([first, second, third], GENESIS) is None
    assert unchained([first, third], GENESIS) == "seal 2 is missing: seals were removed"
    assert unchained([second], GENESIS) == "seal 1 is missing: seals were removed"
    forged = signed(statement(1, GENESIS, "1" * 64))
    told = unchained([forged, second, third], GENESIS)
    assert told == "seal 2 does not follow seal 1: one of them was changed"
