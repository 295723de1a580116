"""Owns the wire taps: what secrets a Vault and a shop really gave out and were really shown."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class VaultTap:
    """Stand before a Vault and note each secret that passes, by name.

    Attributes:
        secrets: Every token, secret id and secret that was seen, by what it is and a number.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.secrets: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what it and its answer hold."""
        path = str(scope.get("path", ""))
        self._note("token", Headers(scope=scope).get("x-vault-token"))

        async def receive_noted() -> Message:
            message = await receive()
            self._note("secret id", _parsed(message).get("secret_id"))
            return message

        async def send_noted(message: Message) -> None:
            self._note_answer(path, _parsed(message))
            await send(message)

        await self._app(scope, receive_noted, send_noted)

    def _note_answer(self, path: str, body: Mapping[str, Any]) -> None:
        if "/auth/token/create" in path:
            self._note("child token", (body.get("auth") or {}).get("client_token"))
            self._note("wrapping token", (body.get("wrap_info") or {}).get("token"))
        if "/sys/wrapping/unwrap" in path:
            self._note("child token", (body.get("auth") or {}).get("client_token"))
        if "/database/creds/" in path:
            self._note("database user", (body.get("data") or {}).get("username"))
            self._note("database password", (body.get("data") or {}).get("password"))
        if "/auth/approle/login" in path:
            self._note("parent token", (body.get("auth") or {}).get("client_token"))
        if "/secret/data/" in path:
            for secret in ((body.get("data") or {}).get("data") or {}).values():
                self._note("API key", secret)

    def _note(self, what: str, secret: object) -> None:
        if isinstance(secret, str) and secret and secret not in self.secrets.values():
            self.secrets[f"{what} {len(self.secrets) + 1}"] = secret


class ShopTap:
    """Stand before a shop and note the API keys it is shown.

    Attributes:
        keys: Every key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.keys: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note its key."""
        self.keys.add(Headers(scope=scope).get("authorization", "").removeprefix("Bearer "))
        await self._app(scope, receive, send)


def _parsed(message: Message) -> Mapping[str, Any]:
    try:
        body = json.loads(message.get("body") or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
