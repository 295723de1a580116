"""Owns the call that is leased for, and what stands of its lease at Vault and in the ledger."""

from collections.abc import Callable

from sqlalchemy import text
from tests.tools.leases.one_tool import call_of

from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.leases import revocation_rows
from bailiwick.tools.leases.revocation_rows import OpenLease
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.chain import Record
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault

SCOPE = Scope(path="payments/refund", ttl=30)
SECRET = "refund-secret-91ab"
CALL = call_of("billing", "issue_refund", "destructive")
REVOKE = "auth/token/revoke-*"


def grant(vault: Vault, revocations: Revocations) -> Lease:
    """Lease for a call, and record it."""
    lease = vault.lease(SCOPE, agent="billing", tool="issue_refund", meta={})
    revocations.grant(CALL, lease)
    return lease


def ends(ledger: Ledger) -> list[Record]:
    """Return what the ledger says of leases that have ended."""
    return list(ledger.records(kind="lease.revoked"))


def standing(ledger: Ledger) -> list[OpenLease]:
    """Return what is still to end."""
    with ledger.reading() as connection:
        return revocation_rows.standing(connection)


def let_lapse(ledger: Ledger, *, over: bool = False) -> None:
    """Make every lease one that its process has not looked after for a while."""
    ended = ", ends_at = 1" if over else ""
    with ledger.transaction() as connection:
        connection.execute(text(f"UPDATE revocations SET due_at = 1{ended}"))  # noqa: S608 - a word of our own


def is_alive(devvault: DevelopmentVault) -> bool:
    """Tell whether a child token is alive."""
    return any(token.role for token in devvault.live_tokens())


Connect = Callable[..., tuple[Vault, Revocations]]
