"""Owns the process that leases in the tests of pools, and what they look at behind it."""

from collections.abc import Mapping

from tests.tools.leases.one_tool import call_of

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.leases.call_leases import CallLeases
from bailiwick.tools.leases.pools import Pools
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

SECRET = "k-51c0ffee"
READ = "secret/data/shop/orders"
MINT = "auth/token/create/bailiwick-look_up_order"
SCOPE = Scope(path="shop/orders", uses=1, ahead=2)
CALL = call_of("orders", "look_up_order", "read")


class Process:
    """Be a process that leases: its connection, its pools, its clock and its policy."""

    def __init__(self, address: str, approles: Mapping[str, AppRole], ledger: Ledger) -> None:
        self.now = 1000.0
        self.policy = "1"
        self.ledger = ledger
        self.vault = Vault(address, logins=approles, timeout=(5, 5), clock=lambda: self.now)
        self.revocations = Revocations(ledger, self.vault)
        pools = Pools(self.vault, self.revocations, lambda: self.policy, clock=lambda: self.now)
        self.leases = CallLeases(ledger, self.vault, self.revocations, pools=pools)

    def call(
        self, call: ToolCall = CALL, scope: Scope = SCOPE, approvers: tuple[str, ...] = ()
    ) -> Lease:
        """Lease for a call, as long as it lasts, and give the lease back."""
        lease = self.leases.take(call, scope, approvers=approvers, policy_version=self.policy)
        assert lease.credential.reveal() == SECRET
        self.leases.give_back(lease)
        return lease


def waiting(process: Process, devvault: DevelopmentVault) -> list[str]:
    """Return the handles of the children that are alive, recorded, and had by no call."""
    alive = {token.accessor for token in devvault.live_tokens() if token.role}
    return [
        str(record.body["accessor"])
        for record in process.ledger.records(kind="lease.ready")
        if record.body["accessor"] in alive
    ]


def asked(devvault: DevelopmentVault, since: int = 0) -> list[str]:
    """Return what Vault was asked for from some request on."""
    return [each.path for each in devvault.requests[since:]]


def ends(process: Process) -> list[object]:
    """Return how leases ended."""
    return [record.body["end"] for record in process.ledger.records(kind="lease.revoked")]
