"""Owns the gates before Vault and the shop: where a request can be held, on its way in or out."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Say which request is held.

    Attributes:
        path: A pattern for its path.
        when: Before it has any effect, or after it and before the answer.
        reached: Set once such a request is held.
    """

    path: str
    when: When
    reached: threading.Event = field(default_factory=threading.Event)


class Gate:
    """Stand before a service, and hold one request until its client is gone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._stop: Stop | None = None

    @contextmanager
    def holding(self, path: str, when: When) -> Generator[Stop]:
        """Hold the first request to a path while the context lasts."""
        self._stop = Stop(path=path, when=when)
        try:
            yield self._stop
        finally:
            self._stop = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or hold it."""
        stop = self._stop
        if stop is None or not fnmatchcase(str(scope.get("path", "")), stop.path):
            await self._app(scope, receive, send)
            return
        self._stop = None
        if stop.when == "after":
            await self._app(scope, receive, _never)
        stop.reached.set()
        while (await receive())["type"] != "http.disconnect":
            pass


async def _never(_: Message) -> None:
    """Keep an answer back."""
