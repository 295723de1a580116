"""Owns `bailiwick vault dev`: the development Vault as a service of its own."""

import shlex
from pathlib import Path

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.cli.terminal import terminal
from bailiwick.graphs.settings import read_settings
from bailiwick.graphs.surroundings import start_surroundings
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
    console = terminal()
    with (
        stopped_by_signals() as stopped,
        start_surroundings(vault_port=port, shop_port=shop_port) as started,
    ):
        write_approles(approles, started.logins)
        try:
            console.print(f"[yellow]{BANNER}[/]\n")
            console.print("Set these in the shell that uses it:")
            for name, value in (
                ("VAULT_ADDR", started.vault_address),
                ("BAILIWICK_APPROLES", shlex.quote(str(approles.resolve()))),
                ("BAILIWICK_SHOP_URL", started.shop_address),
            ):
                console.print(f"  export {name}={value}", soft_wrap=True, markup=False)
            if started.vault is not None:
                console.print(
                    "\nAnd for `bailiwick vault setup` and `bootstrap`, an operator's token:"
                )
                console.print(
                    f"  export VAULT_TOKEN={started.vault.root_token}", soft_wrap=True, markup=False
                )
            console.print("\nIt stops with Ctrl-C, and forgets everything.")
            stopped.wait()
        finally:
            # They log in nowhere any more.
            approles.unlink(missing_ok=True)
