"""Owns `bailiwick audit seal` and `key`: the ledger signed by a key in Vault."""

import sys

from bailiwick.graphs.cli.audit.reading import extent
from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.terminal.console import terminal
from bailiwick.graphs.service_vault import open_service_vault
from bailiwick.graphs.settings import read_settings
from bailiwick.tools.keys.transit import Transit
from bailiwick.tools.provision.services import LEDGER, LEDGER_KEY
from bailiwick.tools.records.ledger_seals import public_key, seal
from bailiwick.tools.vault import Vault


def seal_ledger() -> None:
    """Seal the ledger; print the seal on stdout, and what it covers on stderr.

    Raises:
        SettingsError: If no Vault is named.
        LedgerError: If the ledger is not as it was sealed before, is empty or cannot be used.
        VaultError: If Vault refuses or is not there.
    """
    settings, notes = read_settings(), terminal(stderr=True)
    with open_ledger(settings) as ledger, open_service_vault(settings) as vault:
        made = seal(ledger, _transit(vault))
    said = made.statement
    sys.stdout.write(f"{made.to_line()}\n")
    notes.print(f"[green]sealed[/]: {extent(said)}, seal {said.number}")
    notes.print("Keep the line above where whoever can write the ledger cannot.", style="dim")


def print_key() -> None:
    """Print the public key of each version of the key that seals.

    Raises:
        SettingsError: If no Vault is named.
        VaultError: If Vault refuses or is not there.
    """
    with open_service_vault(read_settings()) as vault:
        sys.stdout.write(public_key(_transit(vault)))


def _transit(vault: Vault) -> Transit:
    return Transit(vault=vault, name=LEDGER_KEY, identity=LEDGER.identity)
