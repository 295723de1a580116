"""Owns how the stories lease: over which connection, with which tool, broken off how."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.bare_http import send
from tests.stories.answers import resume
from tests.stories.desk import Desk, Thread
from tests.stories.engines import AsyncEngine
from tests.stories.ground import Ground
from tests.stories.outages import TTL
from tests.stories.people import MANAGER, ORDER
from tests.stories.scripts import asks

from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

REFUND = ("issue_refund", {"order_id": ORDER, "amount": "5.00"})
REFUND_SCOPE = Scope(path="payments/refund", ttl=TTL)
ORDERS_SCOPE = Scope(path="shop/orders")
UNKNOWN = "its outcome is not known"
"""What the model reads of a call that is in doubt."""


def connected(ground: Ground, patience: float = 5.0, **approles: AppRole) -> Vault:
    """Connect to Vault anew, with the agents' own AppRoles or with others."""
    started = ground.surroundings
    logins = {**started.logins, **approles}
    return Vault(started.vault_address, logins=logins, timeout=(2.0, patience))


def over(desk: Desk, vault: Vault) -> Desk:
    """Return the desk as it is when it leases over another connection."""
    guard = desk.guard
    moved = replace(desk, guard=Guard(policy=guard.policy, ledger=guard.ledger, vault=vault))
    return replace(moved, app=moved.deploy())


def refunds(run: Callable[[Credential], str]) -> ScopedTool:
    """Return a refund tool that does something else with its credential."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:  # noqa: ARG001 - the model's arguments
        """Refund an amount on an order."""
        return run(credential)

    return issue_refund


def refunds_on_a_loop(run: Callable[[Credential], Awaitable[str]]) -> ScopedTool:
    """Return the same as an asynchronous tool."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    async def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:  # noqa: ARG001 - as above
        """Refund an amount on an order."""
        return await run(credential)

    return issue_refund


def billing(desk: Desk, tool: ScopedTool | None = None, times: int = 1) -> Thread:
    """Return a thread of the billing agent alone, which asks for refunds all at once."""
    return desk.thread(desk.specialist(asks(*[REFUND] * times), tool or desk.tools.issue_refund))


def at_vault(ground: Ground, method: str, path: str, token: str) -> int:
    """Ask Vault itself, without our code in between, and return the status of its answer."""
    url = f"{ground.surroundings.vault_address}/v1/{path}"
    return send(method, url, headers={"X-Vault-Token": token}).status_code


def operators_log(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what our code told the operator."""
    return [record.message for record in caplog.records if record.name.startswith("bailiwick")]


def cancel(thread: Thread, when: threading.Event) -> None:
    """Approve the refund that a thread asks for, and cancel the run when something has happened."""
    engine = thread.desk.engine
    assert isinstance(engine, AsyncEngine)
    interrupt = thread.ask()

    async def story() -> None:
        with acting_as(MANAGER):
            run = asyncio.create_task(thread.app.ainvoke(resume(interrupt), thread.config))
        assert await asyncio.to_thread(when.wait, 60)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    engine.loop.run(story())
