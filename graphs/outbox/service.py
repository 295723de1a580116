"""Owns the outbox as LangGraph Server runs it, beside the graphs that it serves."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
from starlette.applications import Starlette

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer
from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.graphs.outbox.deliveries import Report, keep_delivering
from bailiwick.graphs.outbox.served import open_threads
from bailiwick.graphs.outbox.threads import GraphThreads
from bailiwick.graphs.outbox.whereabouts import App
from bailiwick.graphs.proposals import ProposalDesk
from bailiwick.graphs.server.tokens import SECRET
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import LAPSE

PAUSE = 15.0
"""Seconds between two looks for proposals that nobody has begun."""

logger = logging.getLogger(__name__)


def create_outbox(
    settings: Settings,
    approvals: Approvals,
    *,
    proposals: ProposalDesk | None = None,
    sealing: SealingSerializer | None = None,
    lapse: float = LAPSE,
) -> Starlette:
    """Create an app that carries on the threads of the server it is part of, while that lives.

    It is what `http.app` in `langgraph.json` names. It has no pages: whoever decides in the
    database wakes the thread that waits, through the server's own API and its rules. The threads
    of proposals, which are no threads of the server, it runs itself.

    Args:
        settings: They hold the secret that its tokens are made of; without one nobody gets in, and
            nothing is carried on.
        approvals: What is asked in the server's threads, by a guard whose place is `SERVER`.
        proposals: What is proposed because of their calls; others carry it on where left out.
        sealing: Seals the checkpoints of proposals; they are in the clear where left out.
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
        async with AsyncExitStack() as opened:
            threads = await opened.enter_async_context(
                open_threads(settings, transport, "http://server")
            )
            await _keep(opened, keep_delivering(threads, approvals, lapse=lapse, tell=_log))
            if proposals is not None:
                await _carry_proposals(opened, settings, proposals, sealing, lapse)
            yield

    return Starlette(lifespan=carrying_on)


async def _carry_proposals(
    opened: AsyncExitStack,
    settings: Settings,
    proposals: ProposalDesk,
    sealing: SealingSerializer | None,
    lapse: float,
) -> None:
    try:
        opening = open_async_checkpointer(settings.checkpoints, sealing)
        app = proposals.compile(await opened.enter_async_context(opening))
    except SettingsError as error:
        logger.error("what is proposed waits for another process: %s", error)  # noqa: TRY400 - it says all
        return
    threads, asked = GraphThreads(app), proposals.guard.approvals
    await _keep(opened, keep_delivering(threads, asked, lapse=lapse, tell=_log))
    await _keep(opened, _keep_beginning(app, proposals))


def _log(report: Report) -> None:
    if report.outcome == "failed":
        logger.warning("thread %s: %s", report.thread, report.reason)
    if report.outcome == "left":
        logger.warning("thread %s is another graph's: %s", report.thread, report.reason)


async def _keep_beginning(app: App, proposals: ProposalDesk) -> None:
    while True:
        await proposals.acarry_on_all(app)
        await asyncio.sleep(PAUSE)


async def _keep(opened: AsyncExitStack, work: Coroutine[object, object, None]) -> None:
    """Do something until the stack is left."""

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    task = asyncio.create_task(work)
    opened.push_async_callback(end)
