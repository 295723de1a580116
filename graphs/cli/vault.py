"""Owns `bailiwick vault`: the development Vault as a service of its own."""

import signal
import threading
from pathlib import Path

from rich.console import Console

from bailiwick.graphs.surroundings import start_surroundings, write_approles
from bailiwick.tools.devvault import BANNER


def serve_development(port: int, shop_port: int, approles: Path) -> None:
    """Serve the development Vault and the shop until interrupted.

    Raises:
        SettingsError: If a port is taken.
    """
    console = Console(highlight=False)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with start_surroundings(vault_port=port, shop_port=shop_port) as started:
        write_approles(approles, started.approles)
        console.print(f"[yellow]{BANNER}[/]\n")
        console.print("Set these in the shell that uses it:", soft_wrap=True)
        console.print(f"  export VAULT_ADDR={started.vault_address}", soft_wrap=True)
        console.print(f"  export BAILIWICK_APPROLES={approles.resolve()}", soft_wrap=True)
        console.print(f"  export BAILIWICK_SHOP_URL={started.shop_address}", soft_wrap=True)
        console.print("\nIt stops with Ctrl-C, and forgets everything.")
        stopped.wait()
