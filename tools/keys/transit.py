"""Owns the use of keys that never leave Vault: data keys wrapped by one, signatures made by one."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pydantic import BaseModel, Field, SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.answers import (
    FORBIDDEN,
    INVALID,
    MISSING,
    OK,
    Answer,
    AnswerPart,
    Refusals,
)
from bailiwick.tools.vault.wire import Method

MOUNT = "transit"
SETUP = "run `bailiwick vault setup`"

_M = TypeVar("_M", bound=BaseModel)


class _Made(AnswerPart):
    ciphertext: str
    plaintext: SecretStr


class _MadeAnswer(AnswerPart):
    data: _Made


class _Plain(AnswerPart):
    plaintext: SecretStr


class _PlainAnswer(AnswerPart):
    data: _Plain


class _Rewrapped(AnswerPart):
    ciphertext: str | None = None


class _Batch(AnswerPart):
    batch_results: list[_Rewrapped]


class _BatchAnswer(AnswerPart):
    data: _Batch


class _Signed(AnswerPart):
    signature: str


class _SignedAnswer(AnswerPart):
    data: _Signed


class _Key(AnswerPart):
    latest_version: int
    min_decryption_version: int = 1
    keys: dict[str, object] = Field(repr=False)


class _KeyAnswer(AnswerPart):
    data: _Key


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """Hold a key made by Vault to encrypt with here.

    Attributes:
        wrapped: The same key, encrypted by the transit key; no secret.
        plain: The key.
    """

    wrapped: str
    plain: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transit:
    """Use one key of Vault's transit engine as one identity.

    See Vault's API for transit (developer.hashicorp.com/vault/api-docs/secret/transit).

    Attributes:
        vault: The way to Vault.
        name: The key's name.
        identity: Who uses it, such as `checkpoints.service`.
        mount: Where the engine is mounted.
    """

    vault: Vault
    name: str
    identity: str
    mount: str = MOUNT

    def make(self, context: bytes) -> DataKey:
        """Return a new data key of 256 bits that can be unwrapped for this context alone.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        asked = {"bits": 256, "context": _text(context)}
        answer = self._ask("POST", f"datakey/plaintext/{self.name}", "make a data key", asked)
        made = self._read(answer, _MadeAnswer).data
        return DataKey(wrapped=made.ciphertext, plain=made.plaintext)

    def unwrap(self, wrapped: str, context: bytes) -> SecretStr:
        """Return a data key, in base64, from what `make` has wrapped.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        asked = {"ciphertext": wrapped, "context": _text(context)}
        answer = self._ask("POST", f"decrypt/{self.name}", "unwrap a data key", asked)
        lost = (
            f"Vault cannot unwrap a key that {self.name!r} has wrapped: its version was retired, "
            "it belongs to another thread, or another Vault has wrapped it (a development Vault "
            "forgets its keys when it stops): set VAULT_ADDR to the Vault that has, and use the "
            "newest copy of the ledger's database"
        )
        return self._read(answer, _PlainAnswer, {INVALID: lost}).data.plaintext

    def rewrap(self, keys: Sequence[tuple[str, bytes]]) -> list[str | None]:
        """Return wrapped keys, each given with its context, wrapped by the newest version.

        Returns:
            One for each that was given; None for what cannot be unwrapped.

        Raises:
            VaultError: If Vault refuses all of them or is not there.
        """
        if not keys:
            return []
        batch = [{"ciphertext": text, "context": _text(context)} for text, context in keys]
        answer = self._ask(
            "POST", f"rewrap/{self.name}", "rewrap data keys", {"batch_input": batch}
        )
        if answer.status == INVALID and "data" in answer.body:
            # So it says that some of them failed; which ones stands with each.
            answer = replace(answer, status=OK)
        return [each.ciphertext for each in self._read(answer, _BatchAnswer).data.batch_results]

    def rotate(self) -> None:
        """Add a version, which from now on wraps and signs.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        path = f"keys/{self.name}/rotate"
        self._check(self._ask("POST", path, "rotate a key", {}))

    def retire(self, oldest: int) -> None:
        """Destroy every version before one: nothing that they have wrapped can be unwrapped again.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        limits = {"min_decryption_version": oldest, "min_encryption_version": oldest}
        path, to = f"keys/{self.name}", "retire old versions of a key"
        self._check(self._ask("POST", f"{path}/config", to, limits))
        # Without this, whoever lowers the limits again can unwrap again.
        self._check(self._ask("POST", f"{path}/trim", to, {"min_available_version": oldest}))

    def latest(self) -> int:
        """Return the newest version's number.

        Raises:
            VaultError: If there is no such key, or Vault refuses or is not there.
        """
        return self._described().latest_version

    def sign(self, message: bytes) -> tuple[int, bytes]:
        """Return the newest version's number and its signature of a message.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        asked = {"input": _text(message)}
        answer = self._ask("POST", f"sign/{self.name}", "sign", asked)
        signature = self._read(answer, _SignedAnswer).data.signature
        return version_of(signature), _bytes(signature.rpartition(":")[2])

    def public_keys(self) -> dict[int, bytes]:
        """Return the public key of each version of an ed25519 key, 32 bytes each.

        Raises:
            VaultError: If it is no such key, or Vault refuses or is not there.
        """
        found: dict[int, bytes] = {}
        for number, version in self._described().keys.items():
            text = version.get("public_key") if isinstance(version, Mapping) else None
            if not isinstance(text, str):
                raise VaultError(f"the transit key {self.name!r} is no ed25519 key: {SETUP}")
            found[int(number)] = _bytes(text)
        return found

    def _described(self) -> _Key:
        answer = self._ask("GET", f"keys/{self.name}", "read about a key")
        return self._read(answer, _KeyAnswer).data

    def _ask(
        self, method: Method, path: str, to: str, json: Mapping[str, object] | None = None
    ) -> Answer:
        return self.vault.request(
            method, f"{self.mount}/{path}", agent=self.identity, to=to, json=json
        )

    def _read(self, answer: Answer, model: type[_M], special: Refusals | None = None) -> _M:
        return answer.read(model, {**self._refusals(), **(special or {})})

    def _check(self, answer: Answer) -> None:
        answer.check(self._refusals())

    def _refusals(self) -> Refusals:
        absent = f"Vault has no transit key {self.name!r} at {self.mount!r}: {SETUP}"
        forbidden = (
            f"{self.identity!r} may not use the transit key {self.name!r} for this: {SETUP}, or "
            "use an identity with more policies"
        )
        return {INVALID: absent, MISSING: absent, FORBIDDEN: forbidden}


def version_of(text: str) -> int:
    """Return the version of the key that made a text such as `vault:v3:...`; 0 where none did."""
    number = text.removeprefix("vault:v").partition(":")[0]
    return int(number) if number.isdecimal() else 0


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise VaultError("Vault answered with text that is no base64: check VAULT_ADDR") from None
