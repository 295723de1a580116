"""Owns the gates before Vault and the shop: what befalls a request on its way in or out."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Say which request is held, or passes only after something was done.

    Attributes:
        path: A pattern for its path.
        when: Before it has any effect, or after it and before the answer.
        action: What is done then; the request is held for ever where there is nothing to do.
        reached: Set once such a request is there.
    """

    path: str
    when: When
    action: Callable[[], object] | None = None
    reached: threading.Event = field(default_factory=threading.Event)


class Gate:
    """Stand before a service, and strike one request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._stop: Stop | None = None

    @contextmanager
    def holding(self, path: str, when: When) -> Generator[Stop]:
        """Hold the first request to a path, until its client is gone, while the context lasts."""
        with self.doing(path, when, None) as stop:
            yield stop

    @contextmanager
    def doing(self, path: str, when: When, action: Callable[[], object] | None) -> Generator[Stop]:
        """Do something at the first request to a path while the context lasts."""
        self._stop = Stop(path=path, when=when, action=action)
        try:
            yield self._stop
        finally:
            self._stop = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or strike it."""
        stop = self._stop
        if stop is None or not fnmatchcase(str(scope.get("path", "")), stop.path):
            await self._app(scope, receive, send)
            return
        self._stop = None
        answer: list[Message] = []
        if stop.when == "after":
            await self._app(scope, receive, _keep(answer))
        stop.reached.set()
        if stop.action is None:
            await _hang(receive)
            return
        await asyncio.to_thread(stop.action)
        if stop.when == "before":
            await self._app(scope, receive, send)
        for message in answer:
            await send(message)


def _keep(answer: list[Message]) -> Send:
    async def send(message: Message) -> None:
        answer.append(message)

    return send


async def _hang(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
