"""Owns `bailiwick approvals deliver --url`: the outbox, carried to the threads of a server."""

import asyncio
from contextlib import suppress
from threading import Event

import httpx
from rich.console import Console

from bailiwick.graphs.cli.approvals.reports import check_all_went_on, report_line, tell_later
from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.terminal.console import terminal
from bailiwick.graphs.outbox.deliveries import Report, adeliver_to, keep_delivering
from bailiwick.graphs.settings import Settings, checked_address, read_settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.loopback import stopped_by_signals
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import SERVER
from bailiwick.tools.threads import to_its_end

PATIENCE = 5.0
"""Seconds in which a server that is there answers."""


def deliver_to_server(url: str, *, watch: bool) -> None:
    """Let every thread of a server go on that waits for what has ended.

    Args:
        url: The server's address.
        watch: Whether to keep looking until interrupted.

    Raises:
        SettingsError: If no server answers there, there is no secret to sign with, or what talking
            to one needs is not installed.
        LedgerError: If the ledger cannot be used.
        BailiwickError: If a thread broke off.
    """
    settings, console = read_settings(), terminal()
    _check_server(url)
    with open_ledger(settings) as ledger, stopped_by_signals() as stopped:
        approvals = Approvals(ledger, place=SERVER)
        asyncio.run(_deliver(url, settings, approvals, console, stopped if watch else None))


async def _deliver(
    url: str, settings: Settings, approvals: Approvals, console: Console, stopped: Event | None
) -> None:
    try:
        from bailiwick.graphs.outbox.served import open_threads  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            'a server needs what talks to it: pip install "bailiwick[server]"'
        ) from None

    def tell(report: Report) -> None:
        console.print(report_line(report))

    async with open_threads(settings, httpx.AsyncHTTPTransport(retries=2), url) as threads:
        if stopped is None:
            reports = await adeliver_to(threads, approvals)
            for report in reports:
                tell(report)
            left = await to_its_end(approvals.outbox().list)
            tell_later(console, [each for each in left if each.place == SERVER], reports)
            check_all_went_on(reports)
            return
        console.print("Looking for answers; it stops with Ctrl-C.")
        carrying = asyncio.create_task(keep_delivering(threads, approvals, tell=tell))
        await asyncio.to_thread(stopped.wait)
        carrying.cancel()
        with suppress(asyncio.CancelledError):
            await carrying


def _check_server(url: str) -> None:
    try:
        answers = httpx.get(f"{checked_address(url)}/ok", timeout=PATIENCE).is_success
    except ValueError as error:
        raise SettingsError(f"{url!r} is no server's address: {error}") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        answers = False
    if not answers:
        raise SettingsError(f"no server answers at {url!r}: give the address of one that runs")
