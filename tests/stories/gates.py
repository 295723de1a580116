"""Owns the gates before Vault and the shop: what befalls a request on its way in or out."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.stories.ground import Ground

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.surroundings import start_surroundings
from bailiwick.tools.devvault.faults import hang_up
from bailiwick.tools.loopback import serve

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Say which request is held, or passes only after something was done.

    Attributes:
        path: A pattern for its path.
        when: Before it has any effect, or after it and before the answer.
        action: What is done then; the request is held for ever where there is nothing to do.
        drops: Whether its connection is closed then, without an answer.
        reached: Set once such a request is there.
    """

    path: str
    when: When
    action: Callable[[], object] | None = None
    drops: bool = False
    reached: threading.Event = field(default_factory=threading.Event)


class Gate:
    """Stand before a service, and strike one request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._stop: Stop | None = None

    @contextmanager
    def striking(self, stop: Stop) -> Generator[Stop]:
        """Strike the first request that a stop is for, while the context lasts."""
        self._stop = stop
        try:
            yield stop
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
        if stop.drops:
            await hang_up(receive, send)
            return
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedGround:
    """Hold a ground on which both services have a gate before them."""

    ground: Ground
    vault: Gate
    shop: Gate


@contextmanager
def open_gated_ground(approles: Path) -> Generator[GatedGround]:
    """Start a Vault and a shop with a gate before each, the logins in a file."""
    with ExitStack() as opened:
        started = opened.enter_context(start_surroundings())
        behind = Ground(surroundings=started, approles=approles)
        vault, shop = Gate(behind.vault.app), Gate(behind.shop.app)
        write_approles(approles, started.logins)
        gated = replace(
            started,
            vault_address=opened.enter_context(serve(vault)),
            shop_address=opened.enter_context(serve(shop)),
        )
        ground = Ground(surroundings=gated, approles=approles)
        yield GatedGround(ground=ground, vault=vault, shop=shop)
