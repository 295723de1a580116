"""What has an effect on the world stands on the disk with the lease that it was done with."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace

import pytest
from sqlalchemy import Connection
from tests.tools.leases.revocations.leased import CALL, SCOPE

from bailiwick.policies.calls import Effect, ToolUse
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole


class WatchedLedger(Ledger):
    """Remember of each transaction whether it waited for the disk."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.flushed: list[bool] = []

    def transaction(self, *, flushes: bool = True) -> AbstractContextManager[Connection]:
        """Hold one, as the ledger does."""
        self.flushed.append(flushes)
        return super().transaction(flushes=flushes)


@pytest.mark.parametrize(
    ("effect", "waits"), [("read", False), ("write", True), ("destructive", True)]
)
def test_the_lease_of_what_changes_something_waits_for_the_disk(
    devvault: DevelopmentVault,
    approles: Mapping[str, AppRole],
    database_url: str,
    effect: Effect,
    *,
    waits: bool,
) -> None:
    """A read's may be lost with the machine's power: it ends by itself."""
    call = replace(CALL, tool=ToolUse(name="issue_refund", version="1", effect=effect))
    with (
        closing(WatchedLedger(database_url)) as ledger,
        closing(Vault(devvault.address, logins=approles)) as vault,
    ):
        lease = vault.lease(SCOPE, agent="billing", tool="issue_refund", meta={})
        Revocations(ledger, vault).grant(call, lease)
        first, *_ = ledger.flushed

    assert first is waits
