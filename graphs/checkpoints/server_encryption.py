"""Owns the sealing of what LangGraph Server keeps: its hook, with the keys of checkpoints."""

import base64
import json
import warnings
from typing import Any

from langgraph_sdk import Encryption, EncryptionContext

from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.keys.keyring import Keyring, Unopened
from bailiwick.tools.threads import unless_cancelled

OWNER = "langgraph server"
"""Whose key it is: the server does not say which thread a value belongs to. No thread of its own is
called so, as those are UUIDs."""

FIELDS = frozenset({"values", "interrupts", "error", "input", "command", "context"})
"""What is sealed of the server's JSON. The rest it must search, sort and filter by."""

PREFIX = "bailiwick1:"
_BLOB, _JSON = b"blob", b"json:"


def create_encryption(keys: Keyring) -> Encryption:
    """Return the hook that LangGraph Server takes as `encryption` in `langgraph.json`.

    Blobs (checkpoints and writes) are sealed whole. Of JSON each value is sealed for its name, as
    the server merges by names; a value can be put back to where an older one of that name stood.

    Args:
        keys: Seals and opens, with a key for all threads of the server.
    """
    with warnings.catch_warnings():
        # Whoever names it in `langgraph.json` has chosen what is in beta.
        warnings.simplefilter("ignore")
        encryption = Encryption()
    seal = _Seal(keys)
    encryption.encrypt.blob(seal.blob)
    encryption.decrypt.blob(seal.open_blob)
    encryption.encrypt.json(seal.json)
    encryption.decrypt.json(seal.open_json)
    return encryption


class _Seal:
    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    async def blob(self, ctx: EncryptionContext, blob: bytes) -> bytes:
        del ctx
        await self._prepare()
        return self._keys.seal(OWNER, blob, _BLOB)

    async def open_blob(self, ctx: EncryptionContext, blob: bytes) -> bytes:
        del ctx
        await self._prepare()
        return self._open(blob, _BLOB, "a blob")

    async def json(self, ctx: EncryptionContext, data: dict[str, Any]) -> dict[str, Any]:
        if ctx.field not in FIELDS:
            return data
        await self._prepare()
        return {name: self._sealed(name, value) for name, value in data.items()}

    async def open_json(self, ctx: EncryptionContext, data: dict[str, Any]) -> dict[str, Any]:
        del ctx
        await self._prepare()
        return {name: self._opened(name, value) for name, value in data.items()}

    async def _prepare(self) -> None:
        if not self._keys.is_ready(OWNER, sealing=True):
            await unless_cancelled(lambda: self._keys.prepare(OWNER, sealing=True), "keys")

    def _sealed(self, name: str, value: object) -> object:
        if value is None:
            return None
        content = json.dumps(value, separators=(",", ":")).encode()
        sealed = self._keys.seal(OWNER, content, _JSON + name.encode())
        return PREFIX + base64.b64encode(sealed).decode()

    def _opened(self, name: str, value: object) -> object:
        # The server asks for every field, and moves values between fields.
        if not isinstance(value, str) or not value.startswith(PREFIX):
            return value
        try:
            sealed = base64.b64decode(value.removeprefix(PREFIX), validate=True)
        except ValueError:
            sealed = b""
        return json.loads(self._open(sealed, _JSON + name.encode(), f"the value {name!r}"))

    def _open(self, sealed: bytes, bound: bytes, what: str) -> bytes:
        try:
            return self._keys.open(OWNER, sealed, bound)
        except Unopened as error:
            raise CheckpointError(
                f"{what} that LangGraph Server has kept cannot be opened: {error}; restore it from "
                "a backup"
            ) from None
