"""Owns a Vault that has namespaces: what it was asked in which of them, before the real answer."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope

from bailiwick.tools.devvault import MARK, DevelopmentVault
from bailiwick.tools.loopback import serve

NAMESPACE = b"x-vault-namespace"
ENTERPRISE: Mapping[str, object] = {"version": "1.21.0+ent", "enterprise": True}
BAO: Mapping[str, object] = {"version": "2.6.2"}


class Namespaced:
    """Stand before a development Vault as one that is none, and has one namespace.

    As OpenBao, it tells its health in the root alone.

    Args:
        devvault: Answers what is asked in the namespace.
        health: What it says of itself.

    Attributes:
        asked: The path and the namespace of each request.
    """

    def __init__(self, devvault: DevelopmentVault, health: Mapping[str, object]) -> None:
        self._devvault = devvault
        self._health = health
        self.asked: list[tuple[str, str | None]] = []

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        path = str(scope["path"]).removeprefix("/v1/")
        named = Headers(scope=scope).get(NAMESPACE.decode())
        self.asked.append((path, named))
        if path == "sys/health":
            told = {"initialized": True, "sealed": False, **self._health}
            await JSONResponse(told, 400 if named else 200)(scope, receive, send)
            return
        headers = [each for each in scope["headers"] if each[0] != NAMESPACE]

        async def unmarked(message: Message) -> None:
            kept = [each for each in message.get("headers", []) if each[0] != MARK.lower().encode()]
            await send({**message, "headers": kept} if "headers" in message else message)

        await self._devvault.app({**scope, "headers": headers}, receive, unmarked)


@contextmanager
def serve_namespaced(
    devvault: DevelopmentVault, health: Mapping[str, object] = ENTERPRISE
) -> Generator[tuple[str, Namespaced]]:
    """Serve such a Vault while the context lasts: its address, and what it was asked."""
    before = Namespaced(devvault, health)
    with serve(before) as address:
        yield address, before
