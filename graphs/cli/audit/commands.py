"""Owns the words of `bailiwick audit`. What they do is imported when one is called."""

from pathlib import Path
from typing import Annotated

import typer

from bailiwick.graphs.cli.limits import Limit, RecordLimit

audit = typer.Typer(help="Read, check, seal and export the ledger.", no_args_is_help=True)

Thread = Annotated[str | None, typer.Option(help="Only this thread.")]


@audit.command("show")
def audit_show(thread: Thread = None, limit: RecordLimit = None) -> None:
    """Print what happened, in order."""
    from bailiwick.graphs.cli.audit.reading import show  # noqa: PLC0415 - --help must be quick

    show(thread, limit)


@audit.command("verify")
def audit_verify(
    thread: Thread = None,
    export: Annotated[
        Path | None, typer.Option(help="Check this exported file, without a database.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Check the seals' signatures with this public key, as `key` printed it."),
    ] = None,
    seal: Annotated[
        Path | None,
        typer.Option(help="Compare with the seals in this file, as `seal` printed them."),
    ] = None,
) -> None:
    """Check every chain and seal; name the first record that was changed, moved or removed."""
    from bailiwick.graphs.cli.audit.reading import verify  # noqa: PLC0415 - as above

    verify(thread, export, key, seal)


@audit.command("leases")
def audit_leases(
    thread: Thread = None,
    is_open: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--open", help="Only those whose end is not known.")
    ] = False,
    limit: Limit = None,
    as_json: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--json", help="Lines of JSON, with what joins them to Vault's audit.")
    ] = False,
) -> None:
    """Print which agent held what, under whose authority, for how long; what is still alive."""
    from bailiwick.graphs.cli.audit.leases import show_leases  # noqa: PLC0415 - as above

    show_leases(thread, is_open=is_open, limit=limit, as_json=as_json)


@audit.command("export")
def audit_export(thread: Thread = None) -> None:
    """Print the records as lines of canonical JSON."""
    from bailiwick.graphs.cli.audit.reading import export  # noqa: PLC0415 - as above

    export(thread)


@audit.command("seal")
def audit_seal() -> None:
    """Sign what every chain ends with, by a key in Vault; print the seal, to be kept elsewhere."""
    from bailiwick.graphs.cli.audit.seals import seal_ledger  # noqa: PLC0415 - as above

    seal_ledger()


@audit.command("key")
def audit_key() -> None:
    """Print the public key that seals are checked with, as PEM."""
    from bailiwick.graphs.cli.audit.seals import print_key  # noqa: PLC0415 - as above

    print_key()
