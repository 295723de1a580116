"""Owns the outbox as LangGraph Server runs it, beside the graphs that it serves."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import httpx
from starlette.applications import Starlette

from bailiwick.graphs.outbox.deliveries import keep_delivering
from bailiwick.graphs.outbox.served import open_threads
from bailiwick.graphs.server.tokens import SECRET
from bailiwick.graphs.settings import Settings
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import LAPSE

logger = logging.getLogger(__name__)


def create_outbox(settings: Settings, approvals: Approvals, *, lapse: float = LAPSE) -> Starlette:
    """Create an app that carries on the threads of the server it is part of, while that lives.

    It is what `http.app` in `langgraph.json` names. It has no pages: whoever decides in the
    database wakes the thread that waits, through the server's own API and its rules.

    Args:
        settings: They hold the secret that its tokens are made of; without one nobody gets in, and
            nothing is carried on.
        approvals: What is asked in the server's threads, by a guard whose place is `SERVER`.
        lapse: Seconds after which another server takes over what this one has left.
    """

    @asynccontextmanager
    async def carrying_on(app: Starlette) -> AsyncGenerator[None]:
        if settings.auth_secret is None:
            logger.warning("what is answered in the database waits: %s is not set", SECRET)
            yield
            return
        # The client that `get_client()` makes in a server goes past its authentication.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with open_threads(settings, transport, "http://server") as threads:
            carrying = asyncio.create_task(keep_delivering(threads, approvals, lapse=lapse))
            try:
                yield
            finally:
                carrying.cancel()
                with suppress(asyncio.CancelledError):
                    await carrying

    return Starlette(lifespan=carrying_on)
