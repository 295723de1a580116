"""Owns a transit key: its versions, and which of them may still do what."""

import base64
import json
from dataclasses import dataclass, field, fields
from typing import cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.tokens import iso
from bailiwick.tools.devvault.transit.algorithms import (
    ALGORITHMS,
    HMAC_SIZE,
    Algorithm,
    PrivateKey,
)

_NO_CONTEXT = (
    "missing 'context' for key derivation; the key was created using a derived key, which means "
    "additional, per-request information must be included in order to perform operations with the "
    "key"
)


@dataclass(slots=True, kw_only=True)
class KeyVersion:
    """Hold one version: the key itself, the HMAC key beside it, and when it was made."""

    material: bytes = field(repr=False)
    hmac_key: bytes = field(repr=False)
    created: float
    pair: PrivateKey | None = field(default=None, repr=False)


@dataclass(slots=True, kw_only=True)
class Key:
    """Hold a key with its versions.

    Attributes:
        name: The key's name.
        kind: What kind it is, in Vault's word.
        derived: Whether each context has a key of its own.
        convergent: Whether one text in one context is always encrypted alike.
        exportable: Whether it may leave.
        allow_plaintext_backup: Whether it may leave as a backup.
        deletion_allowed: Whether it may be deleted.
        min_decryption_version: The oldest version that decrypts and verifies.
        min_encryption_version: The oldest version that encrypts and signs; 0 is the latest.
        min_available_version: The oldest version that is still there; 0 is the first.
        auto_rotate_period: Seconds after which a new version is made; 0 is never.
        key_size: The length in bytes of an HMAC key; 0 is the usual one.
        versions: The versions by number.
    """

    name: str
    kind: str
    derived: bool = False
    convergent: bool = False
    exportable: bool = False
    allow_plaintext_backup: bool = False
    deletion_allowed: bool = False
    min_decryption_version: int = 1
    min_encryption_version: int = 0
    min_available_version: int = 0
    auto_rotate_period: int = 0
    key_size: int = 0
    versions: dict[int, KeyVersion] = field(default_factory=dict[int, KeyVersion], repr=False)

    @property
    def algorithm(self) -> Algorithm:
        """What its kind can do."""
        return ALGORITHMS[self.kind]

    @property
    def latest(self) -> int:
        """The number of the newest version."""
        return max(self.versions)

    @property
    def shown(self) -> dict[str, object]:
        """What a read answers: nothing that could decrypt or sign."""
        algorithm = self.algorithm
        return {
            "name": self.name,
            "type": self.kind,
            "derived": self.derived,
            "exportable": self.exportable,
            "allow_plaintext_backup": self.allow_plaintext_backup,
            "deletion_allowed": self.deletion_allowed,
            "min_available_version": self.min_available_version,
            "min_decryption_version": self.min_decryption_version,
            "min_encryption_version": self.min_encryption_version,
            "latest_version": self.latest,
            "auto_rotate_period": self.auto_rotate_period,
            "imported_key": False,
            "supports_encryption": algorithm.encrypts,
            "supports_decryption": algorithm.encrypts,
            "supports_signing": algorithm.signs,
            "supports_derivation": algorithm.derives,
            **({"kdf": "hkdf_sha256"} if self.derived else {}),
            **({"convergent_encryption": True} if self.convergent else {}),
            "keys": {str(n): self._shown_version(v) for n, v in sorted(self.versions.items())},
        }

    def rotate(self, now: float) -> None:
        """Add a version."""
        number = self.latest + 1 if self.versions else 1
        material = self.algorithm.material(self.key_size)
        hmac_key = material if self.kind == "hmac" else ALGORITHMS["hmac"].material(HMAC_SIZE)
        self.versions[number] = KeyVersion(material=material, hmac_key=hmac_key, created=now)

    def rotate_in_time(self, now: float) -> None:
        """Add a version if the newest is too old."""
        age = now - self.versions[self.latest].created
        if 0 < self.auto_rotate_period <= age:
            self.rotate(now)

    def for_making(self, asked: int) -> int:
        """Return the version that encrypts or signs: the one asked for, else the latest.

        Raises:
            Refusal: With status 400, if it may not.
        """
        if not asked:
            return self.latest
        if asked < self.min_encryption_version or asked < self.min_available_version:
            raise invalid("requested version for encryption is less than the minimum")
        if asked not in self.versions:
            raise invalid("requested version for encryption is higher than the latest key version")
        return asked

    def for_checking(self, number: int) -> KeyVersion:
        """Return the version that decrypts or verifies.

        Raises:
            Refusal: With status 400, if it is too old or not there.
        """
        if number < self.min_decryption_version:
            raise invalid("ciphertext or signature version is disallowed by policy (too old)")
        if number not in self.versions:
            raise invalid("invalid ciphertext: version is too new")
        return self.versions[number]

    def pair(self, number: int, context: bytes = b"") -> PrivateKey:
        """Return a version's key pair, derived for a context where the key is."""
        version = self.versions[number]
        if self.derived:
            seed = self.derive(version, context, 32)
            return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        if version.pair is None:
            loaded = serialization.load_der_private_key(version.material, password=None)
            # It was made by `Algorithm.material`, which makes no other kinds.
            version.pair = cast("PrivateKey", loaded)
        return version.pair

    def derive(self, version: KeyVersion, context: bytes, size: int) -> bytes:
        """Return the bytes of a version's key, for a context where the key is derived.

        Raises:
            Refusal: With status 400, if the context is missing.
        """
        if not self.derived:
            return version.material
        if not context:
            raise invalid(_NO_CONTEXT)
        return HKDF(hashes.SHA256(), length=size, salt=None, info=context).derive(version.material)

    def trim(self, oldest: int) -> None:
        """Forget the versions before one."""
        self.min_available_version = oldest
        self.versions = {n: v for n, v in self.versions.items() if n >= oldest}

    def backup(self) -> str:
        """Return the whole key as text."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "versions"}
        versions = {
            number: [base64.b64encode(v.material).decode(), base64.b64encode(v.hmac_key).decode()]
            for number, v in self.versions.items()
        }
        created = {number: version.created for number, version in self.versions.items()}
        whole = json.dumps({"policy": kept, "versions": versions, "created": created})
        return base64.b64encode(whole.encode()).decode()

    def _shown_version(self, version: KeyVersion) -> object:
        if self.algorithm.make is None:
            return int(version.created)
        number = next(n for n, known in self.versions.items() if known is version)
        public = "" if self.derived else public_text(self.pair(number))
        return {
            "name": self.algorithm.name,
            "creation_time": iso(version.created),
            "public_key": public,
            "certificate_chain": "",
        }


def restored(backup: str, name: str) -> Key:
    """Return the key that a backup holds, under a name where one is given.

    Raises:
        Refusal: With status 400, if the text is no backup.
    """
    try:
        whole = json.loads(base64.b64decode(backup, validate=True))
        versions = {
            int(number): KeyVersion(
                material=base64.b64decode(material),
                hmac_key=base64.b64decode(hmac_key),
                created=float(whole["created"][number]),
            )
            for number, (material, hmac_key) in whole["versions"].items()
        }
        key = Key(**whole["policy"], versions=versions)
    except (ValueError, KeyError, TypeError):
        raise invalid("failed to decode the backup: it is none of this engine's") from None
    key.name = name or key.name
    return key


def public_text(pair: PrivateKey) -> str:
    """Return a pair's public key: PEM, and for ed25519 its bytes in base64."""
    public = pair.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return base64.b64encode(public.public_bytes_raw()).decode()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def private_text(pair: PrivateKey) -> str:
    """Return a whole pair as PEM, for export; for ed25519 its bytes in base64."""
    if isinstance(pair, ed25519.Ed25519PrivateKey):
        whole = pair.private_bytes_raw() + pair.public_key().public_bytes_raw()
        return base64.b64encode(whole).decode()
    return pair.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
