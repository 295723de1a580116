"""Owns the verb LIST on the wire: the faster of uvicorn's two parsers does not know it."""

import asyncio
from importlib.util import find_spec

ON_THE_WIRE = "LOCK"
"""A verb of the same length that Vault does not have and the parser does."""

_ASKED, _PARSED = b"LIST ", f"{ON_THE_WIRE} ".encode()


def protocol() -> type[asyncio.Protocol] | None:
    """Return what speaks HTTP with LIST in it; None where uvicorn's own choice does."""
    if find_spec("httptools") is None:
        return None
    # It imports httptools, which comes with the extra `server` only.
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: PLC0415

    class ListProtocol(HttpToolsProtocol):
        """Let LIST through: a client waits for its answer, so a request begins what arrives."""

        def data_received(self, data: bytes) -> None:
            """Take in bytes from the client."""
            if data.startswith(_ASKED):
                data = _PARSED + data[len(_ASKED) :]
            super().data_received(data)

    return ListProtocol
