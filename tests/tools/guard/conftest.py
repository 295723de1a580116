"""Owns what the tests of the guard share: a ledger, and guards with and without a Vault."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.tools.governed import RULES, load_policy
from tests.tools.guard.refunds import REFUNDS, SECRET, Run

from bailiwick.policies import Scope, ToolCall
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.guard import Guard
from bailiwick.tools.provision import ToolScope, VaultOperator, provision, write_secret
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.vault import Vault


def run_sync(guard: Guard, call: ToolCall, tool: ScopedTool) -> ToolResult:
    """Run a call as a graph does on `invoke`."""
    return guard.run(call, tool)


def run_async(guard: Guard, call: ToolCall, tool: ScopedTool) -> ToolResult:
    """Run a call as a graph does on `ainvoke`."""
    return asyncio.run(guard.arun(call, tool))


@pytest.fixture(params=[run_sync, run_async], ids=["run", "arun"])
def run(request: pytest.FixtureRequest) -> Run:
    """Give both ways to run a call in turn."""
    way: Run = request.param
    return way


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    """Give a ledger in a file."""
    ledger = Ledger(sqlite_url)
    yield ledger
    ledger.close()


@pytest.fixture
def vaulted(ledger: Ledger, devvault: DevelopmentVault) -> Iterator[Guard]:
    """Give a guard that can lease what a refund needs."""
    scope = Scope(path="payments/refund")
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        write_secret(operator, scope, {"key": SECRET})
        tools = [ToolScope(tool="issue_refund", scope=scope)]
        approles = provision(operator, agents={"billing": tools})
    with Vault(devvault.address, logins=approles, timeout=(5, 5)) as vault:
        yield Guard(policy=load_policy(RULES + REFUNDS), ledger=ledger, vault=vault)
