"""Owns the form of a seal over the ledger: what it states, how it is signed, and the check."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from pydantic import BaseModel, ConfigDict, ValidationError

from bailiwick.policies.canonical import Json, canonical
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.records import merkle

_SIGNED = b"bailiwick ledger seal 1\n"
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)

PublicKeys = Mapping[str, Ed25519PublicKey]
"""Public keys by fingerprint: the SHA-256 of their 32 bytes, as 64 hex digits."""


class Signer(Protocol):
    """Hold an ed25519 key that signs and is never seen, such as one of Vault's transit engine."""

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    def sign(self, message: bytes) -> tuple[int, bytes]:
        """Return the newest version's number and its signature of a message."""
        ...

    def public_keys(self) -> Mapping[int, bytes]:
        """Return the public key of each version, 32 bytes each."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """Name the last record of a chain.

    Attributes:
        thread: The thread.
        seq: The record's place in its chain.
        hash: The record's hash.
    """

    thread: str
    seq: int
    hash: str


class SealStatement(BaseModel):
    """State what the ledger held.

    Attributes:
        number: The seal's place among the seals, from 1.
        at: When, by the database's clock.
        previous: The hash of the seal before it.
        root: The Merkle root over the heads of all chains, sorted by thread.
        threads: How many chains there were.
        records: How many records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: int
    at: str
    previous: str
    root: str
    threads: int
    records: int

    @property
    def text(self) -> str:
        """The statement as canonical JSON (RFC 8785)."""
        return canonical(self.model_dump()).decode()


class Seal(BaseModel):
    """Hold a statement and who signed it.

    Attributes:
        statement: What is stated.
        signature: An ed25519 signature (RFC 8032) over a line of ours and the statement's canonical
            JSON, in base64.
        key: The fingerprint of the public key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    statement: SealStatement
    signature: str
    key: str

    @property
    def hash(self) -> str:
        """What the next seal refers to, 64 hex digits."""
        return hashlib.sha256(self.to_line().encode()).hexdigest()

    def to_line(self) -> str:
        """Return the seal as one line of canonical JSON, without a line end."""
        return canonical(self.model_dump()).decode()

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read a seal from a line that `to_line` wrote.

        Raises:
            LedgerError: If it is none.
        """
        try:
            return cls.model_validate(json.loads(line))
        except (ValueError, ValidationError):
            pass
        raise LedgerError("what should be a seal is none: keep what `bailiwick audit seal` prints")

    def is_signed(self, keys: PublicKeys) -> bool:
        """Tell whether the signature is good; it is not where its key is none of these."""
        key = keys.get(self.key)
        if key is None:
            return False
        try:
            signature = base64.b64decode(self.signature, validate=True)
            key.verify(signature, message(self.statement))
        except (InvalidSignature, ValueError):
            return False
        return True


def message(statement: SealStatement) -> bytes:
    """Return what is signed of a statement."""
    return _SIGNED + statement.text.encode()


def root_of(heads: Iterable[Head]) -> str:
    """Return the Merkle root over heads, 64 hex digits, whatever their order."""
    return merkle.root([_leaf(head) for head in sorted(heads)]).hex()


def fingerprint(key: bytes) -> str:
    """Return what names a public key of 32 bytes."""
    return hashlib.sha256(key).hexdigest()


def to_pem(keys: Iterable[bytes]) -> str:
    """Return public keys as PEM (RFC 7468), one after the other."""
    return "".join(
        Ed25519PublicKey.from_public_bytes(key)
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
        for key in keys
    )


def from_pem(content: bytes) -> PublicKeys:
    """Read public keys.

    Raises:
        LedgerError: If there is none, or one is no ed25519 key.
    """
    found = [_public_key(block) for block in _PEM.findall(content)]
    if not found:
        raise LedgerError("there is no public key: keep what `bailiwick audit key` prints")
    return {fingerprint(key.public_bytes_raw()): key for key in found}


def unchained(seals: Sequence[Seal], genesis: str) -> str | None:
    """Return the sentence that names the first seal that does not follow the one before it."""
    previous = genesis
    for due, seal in enumerate(seals, start=1):
        if seal.statement.number != due:
            return f"seal {due} is missing: seals were removed"
        if seal.statement.previous != previous:
            return f"seal {due} does not follow seal {due - 1}: one of them was changed"
        previous = seal.hash
    return None


def _public_key(block: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(block)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise LedgerError("a public key is no ed25519 key: keep what `bailiwick audit key` prints")
    return key


def _leaf(head: Head) -> bytes:
    fields: dict[str, Json] = {"hash": head.hash, "seq": head.seq, "thread": head.thread}
    return canonical(fields)
