"""Owns `bailiwick vault dev`: the development Vault as a service of its own."""

import shlex
from pathlib import Path

from rich.console import Console

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.cli.terminal.console import terminal
from bailiwick.graphs.settings import read_settings
from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.devvault import BANNER
from bailiwick.tools.loopback import stopped_by_signals


def serve_development(port: int, shop_port: int, approles: Path) -> None:
    """Serve the development Vault and the shop until interrupted.

    Raises:
        SettingsError: If a port is taken, the file of logins exists or cannot be written, or this
            is production.
    """
    if read_settings().env == "production":
        raise SettingsError(
            "a development Vault is not for production: set VAULT_ADDR to a real one, or take "
            "BAILIWICK_ENV=production away"
        )
    with (
        stopped_by_signals() as stopped,
        start_surroundings(vault_port=port, shop_port=shop_port) as started,
    ):
        write_approles(approles, started.logins)
        try:
            _tell(terminal(), started, approles)
            stopped.wait()
        finally:
            # They log in nowhere any more.
            approles.unlink(missing_ok=True)


def _tell(console: Console, started: Surroundings, approles: Path) -> None:
    console.print(f"[yellow]{BANNER}[/]\n")
    console.print("Set these in the shell that uses it:")
    _export(console, "VAULT_ADDR", started.vault_address)
    _export(console, "BAILIWICK_APPROLES", shlex.quote(str(approles.resolve())))
    _export(console, "BAILIWICK_SHOP_URL", started.shop_address)
    if started.vault is not None:
        console.print("\nAnd for `bailiwick vault setup` and `bootstrap`, an operator's token:")
        _export(console, "VAULT_TOKEN", started.vault.root_token)
    console.print("\nIt stops with Ctrl-C, and forgets everything.")


def _export(console: Console, name: str, value: str) -> None:
    console.print(f"  export {name}={value}", soft_wrap=True, markup=False)
