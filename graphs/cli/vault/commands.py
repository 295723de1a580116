"""Owns the words of `bailiwick vault`. What they do is imported when one is called."""

from pathlib import Path
from typing import Annotated

import typer

vault = typer.Typer(
    help="Set a Vault up, let agents in, or run one for development.", no_args_is_help=True
)

Declared = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="MODULE:NAME",
        help="Your own agents and services, as a Registry; BAILIWICK_REGISTRY's if left out.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@vault.command("dev")
def dev(
    port: Annotated[
        int, typer.Option(help="Vault's port on loopback; 0 takes a free one.", min=0, max=65535)
    ] = 8200,
    shop_port: Annotated[
        int, typer.Option(help="The shop's port; 0 takes a free one.", min=0, max=65535)
    ] = 8300,
    approles: Annotated[
        Path, typer.Option(help="A new file for the agents' logins; removed at the end.")
    ] = Path("approles.json"),
) -> None:
    """Serve a development Vault, set up for the refund desk, and the shop it pays from."""
    from bailiwick.graphs.cli.vault.development import (  # noqa: PLC0415 - --help must be quick
        serve_development,
    )

    serve_development(port, shop_port, approles)


@vault.command("setup")
def setup(  # noqa: PLR0913, PLR0917 - each is an option
    registry: Declared = None,
    dry_run: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--dry-run", help="Print the plan and change nothing.")
    ] = False,
    prune: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--prune", help="Remove what was set up here once and nobody declares now."),
    ] = False,
    loosen: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--loosen", help="Write over what is stricter than declared.")
    ] = False,
    yes: Yes = False,  # noqa: FBT002 - a flag
    as_json: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--json", help="Print the plan as JSON; with --dry-run or --yes.")
    ] = False,
) -> None:
    """Make the Vault at VAULT_ADDR agree with what is declared, by the token in VAULT_TOKEN."""
    from bailiwick.graphs.cli.vault.setup import set_up_vault  # noqa: PLC0415 - as above

    set_up_vault(
        registry,
        dry_run=dry_run,
        prune=prune,
        loosen=loosen,
        yes=yes,
        as_json=as_json,
    )


@vault.command("bootstrap")
def bootstrap(
    agents: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[AGENT]...", help="Who; if left out, the agents and what works beside them."
        ),
    ] = None,
    approles: Annotated[
        Path | None, typer.Option(help="Put them into this file; printed as JSON if left out.")
    ] = None,
    ttl: Annotated[
        int, typer.Option(help="Seconds for which they can be opened.", min=10, max=3600)
    ] = 300,
    registry: Declared = None,
) -> None:
    """Give agents wrapped secret ids: each can be opened once, and logs in once."""
    from bailiwick.graphs.cli.vault.bootstrap import bootstrap_agents  # noqa: PLC0415 - as above

    bootstrap_agents(agents or [], approles, ttl, registry)


@vault.command("sweep")
def sweep(
    seconds: Annotated[
        float, typer.Option(help="For how long to try at most.", min=0, max=3600)
    ] = 10,
) -> None:
    """End the leases that processes which are gone have left behind."""
    from bailiwick.graphs.cli.vault.sweeping import sweep_leases  # noqa: PLC0415 - as above

    sweep_leases(seconds)
