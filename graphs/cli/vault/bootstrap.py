"""Owns `bailiwick vault bootstrap`: secret ids that nobody sees on their way to a process."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bailiwick.graphs.approles import entries, write_wrapped
from bailiwick.graphs.cli.terminal.console import print_json, quoted, terminal
from bailiwick.graphs.cli.vault.operators import open_operator
from bailiwick.graphs.registries import find_registry
from bailiwick.graphs.settings import read_settings
from bailiwick.tools.provision.secret_ids import wrapped_login


def bootstrap_agents(
    agents: Sequence[str], approles: Path | None, ttl: int, named: str | None
) -> None:
    """Have wrapped secret ids made, and write or print what opens them.

    Raises:
        SettingsError: If a setting is missing, or the file cannot be written.
        VaultError: If Vault refuses, is not there or has no such AppRole.
    """
    settings = read_settings()
    identities = agents or find_registry(settings, named).residents
    with closing(open_operator(settings)) as operator:
        made = {agent: wrapped_login(operator, agent, ttl=ttl) for agent in identities}
    if approles is None:
        print_json(entries(made))
    else:
        write_wrapped(approles, made)
    where = "" if approles is None else f"{str(approles)!r} holds them: "
    console = terminal(stderr=True)
    console.print(
        quoted(
            f"{where}start the process within {ttl} s; it opens each once, and whoever opens one "
            "before it is found out"
        )
    )
