"""Owns `bailiwick vault sweep`: the end of what processes that are gone have left behind."""

from bailiwick.graphs.cli.audit.leases import STYLES, read_leases
from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.terminal.console import quoted, terminal
from bailiwick.graphs.service_vault import open_service_vault
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.secrets.leases import SWEEPER


def sweep_leases(seconds: float) -> None:
    """End what processes that are gone have left behind, and print what is still left.

    Args:
        seconds: For how long to try at most.

    Raises:
        SettingsError: If no Vault is named, or nobody there who may end leases.
        LedgerError: If the ledger cannot be used.
        VaultError: If Vault is not there.
    """
    settings, console = read_settings(), terminal()
    with open_ledger(settings) as ledger, open_service_vault(settings) as vault:
        if not vault.can_sweep:
            raise SettingsError(
                f"{SWEEPER!r}, who ends leases, has no login: put it there with `bailiwick vault "
                "bootstrap`"
            )
        revocations = Revocations(ledger, vault)
        taken = 0
        while claimed := revocations.sweep():
            taken += claimed
            if not revocations.drain(seconds):
                break
        left = [lease for lease in read_leases(ledger) if lease.is_open]
    console.print(f"{taken} taken over, {len(left)} of all leases without a known end")
    for lease in left:
        told = f"{lease.tool} of {lease.agent} in {lease.thread}: {lease.failure or lease.end}"
        console.print(quoted(told, STYLES.get(lease.end, "")))
