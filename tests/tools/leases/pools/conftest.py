"""Owns what the tests of pools share: a Vault set up for one tool, and a process that leases."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest
from tests.tools.leases.one_tool import set_up_for
from tests.tools.leases.pools.process import CALL, SCOPE, SECRET, Process, waiting
from tests.waiting import wait_for

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault.methods import AppRole


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    """Give a ledger."""
    with closing(Ledger(sqlite_url)) as opened:
        yield opened


@pytest.fixture
def approles(devvault: DevelopmentVault) -> Mapping[str, AppRole]:
    """Set Vault up for one agent with one tool, and for the sweeper."""
    return set_up_for(devvault, CALL, SCOPE, SECRET)


@pytest.fixture
def process(
    devvault: DevelopmentVault, approles: Mapping[str, AppRole], ledger: Ledger
) -> Iterator[Process]:
    """Give a process."""
    opened = Process(devvault.address, approles, ledger)
    yield opened
    opened.vault.close()


@pytest.fixture
def ready(process: Process, devvault: DevelopmentVault) -> Sequence[str]:
    """Have a call made, and wait until two children wait; give their handles."""
    process.call()
    wait_for(lambda: len(waiting(process, devvault)) == SCOPE.ahead)
    return waiting(process, devvault)
