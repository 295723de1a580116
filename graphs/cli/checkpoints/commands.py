"""Owns the words of `bailiwick checkpoints`. What they do is imported when one is called."""

from typing import Annotated

import typer

checkpoints = typer.Typer(
    help="Renew the keys that checkpoints are sealed with, or destroy a thread's.",
    no_args_is_help=True,
)


@checkpoints.command("rekey")
def rekey(
    rotate: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--rotate", help="Have Vault make a new version of its key first.")
    ] = False,
    retire: Annotated[  # noqa: FBT002 - as above
        bool,
        typer.Option(
            "--retire",
            help="Have Vault destroy the older versions: what they wrapped is then worth nothing, "
            "in old backups of the ledger's database for one, and in other ledgers.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - as above
) -> None:
    """Have every key wrapped by the newest version of Vault's key; no checkpoint is touched."""
    from bailiwick.graphs.cli.checkpoints.keys import rekey_all  # noqa: PLC0415 - --help must be quick

    rekey_all(rotate=rotate, retire=retire, is_sure=yes)


@checkpoints.command("forget")
def forget(
    thread: Annotated[str, typer.Argument(help="The thread.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - as above
) -> None:
    """Destroy the key of a thread: its checkpoints can never be read again, from no backup."""
    from bailiwick.graphs.cli.checkpoints.keys import forget_thread  # noqa: PLC0415 - as above

    forget_thread(thread, is_sure=yes)
