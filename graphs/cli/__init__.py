"""Owns the command line: `bailiwick`. Each command is imported when it is called."""

import atexit
import gc
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from bailiwick.graphs.cli.approvals.commands import approvals
from bailiwick.graphs.cli.audit.commands import audit
from bailiwick.graphs.cli.calls.commands import calls
from bailiwick.graphs.cli.checkpoints.commands import checkpoints
from bailiwick.graphs.cli.vault.commands import vault

app = typer.Typer(
    name="bailiwick",
    help="A LangGraph supervisor in which every tool call is decided, approved and recorded.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: drawing boxes would double the time it takes.
    rich_markup_mode=None,
)
policy = typer.Typer(help="Check the rules, and explain a decision.", no_args_is_help=True)
app.add_typer(approvals, name="approvals")
app.add_typer(calls, name="calls")
app.add_typer(policy, name="policy")
app.add_typer(vault, name="vault")
app.add_typer(audit, name="audit")
app.add_typer(checkpoints, name="checkpoints")

NEW_BEFORE_GARBAGE = 50_000
"""Objects that are made before Python looks for garbage.

At its own 700 it looks 500 times through what is imported, a fifth of all that starting takes, and
finds none.
"""

Folder = Annotated[
    Path | None,
    typer.Option(
        "--path", help="The folder of rules; BAILIWICK_POLICY's or the shipped ones else."
    ),
]


def _tell_version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - --help must be quick

        typer.echo(f"bailiwick {version('bailiwick')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: FBT002 - a flag
    _version: Annotated[  # noqa: FBT002 - as above
        bool,
        typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that go with every command."""
    from bailiwick.graphs.cli.logs import configure_logs  # noqa: PLC0415 - --help must be quick

    configure_logs(debug=debug)


@app.command()
def demo() -> None:
    """Run the refund desk, unattended, to its end, and explain what happens."""
    from bailiwick.graphs.cli.demo import run_demo  # noqa: PLC0415 - --help must be quick

    run_demo()


@app.command()
def run(
    request: Annotated[str | None, typer.Argument(help="What you want; asked if left out.")] = None,
    thread: Annotated[
        str | None, typer.Option(help="Go on with this thread, where it waits or ended.")
    ] = None,
) -> None:
    """Give the refund desk a request, and answer what it asks of you."""
    from bailiwick.graphs.cli.run.command import run_request  # noqa: PLC0415 - --help must be quick

    run_request(request, thread)


@app.command()
def token(
    user: Annotated[str, typer.Option(help="Whose token it is.")] = "",
    role: Annotated[
        list[str] | None, typer.Option(help="What they may approve as; may be repeated.")
    ] = None,
    hours: Annotated[float, typer.Option(help="How long it is good for.")] = 8,
    init: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--init", help="Put a secret to sign with into .env first.")
    ] = False,
) -> None:
    """Issue a token for LangGraph Server, in development."""
    from bailiwick.graphs.cli.token import issue  # noqa: PLC0415 - --help must be quick

    issue(user, role or [], hours, init=init)


@policy.command("check")
def policy_check(path: Folder = None) -> None:
    """Load and validate the rules; tell file and line of what is wrong."""
    from bailiwick.graphs.cli.policy import check  # noqa: PLC0415 - --help must be quick

    check(path)


@policy.command("explain")
def policy_explain(  # noqa: PLR0913, PLR0917 - an option for each thing that rules can read
    agent: Annotated[str, typer.Argument(help="The agent that calls.")],
    tool: Annotated[str, typer.Argument(help="The tool it calls.")],
    args: Annotated[str, typer.Argument(help="The arguments, as JSON; money as 40.00.")] = "{}",
    effect: Annotated[
        str | None,
        typer.Option(help="What the tool does: read, write or, if left out, destructive."),
    ] = None,
    requester: Annotated[str, typer.Option(help="Who asked.")] = "somebody",
    through: Annotated[
        list[str] | None, typer.Option(help="An agent it came through; may be repeated.")
    ] = None,
    approved: Annotated[
        list[str] | None, typer.Option(help="A role that has approved; may be repeated.")
    ] = None,
    path: Folder = None,
) -> None:
    """Say what the rules make of one call, and why."""
    from bailiwick.graphs.cli.policy import Called, explain  # noqa: PLC0415 - --help must be quick

    called = Called(
        agent=agent,
        tool=tool,
        args=args,
        effect=effect,
        requester=requester,
        chain=tuple(through or ()),
    )
    explain(called, frozenset(approved or ()), path)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; an error is one sentence, its remedy in it, and status 1.

    Args:
        args: The words after `bailiwick`; those of this process where left out.
    """
    gc.set_threshold(NEW_BEFORE_GARBAGE)
    # A process that ends need not look through all its modules for garbage.
    atexit.register(gc.freeze)
    _print_anything()
    words, is_debug = _without_debug(sys.argv[1:] if args is None else args)
    try:
        app(words, prog_name="bailiwick")
    except Exception as error:
        if is_debug:
            raise
        from bailiwick.graphs.cli.failures import report  # noqa: PLC0415 - --help must be quick

        report(error)
        sys.exit(1)


def _without_debug(args: Sequence[str]) -> tuple[list[str], bool]:
    """Move `--debug` to the front, where it is understood, from wherever it was typed."""
    end = args.index("--") if "--" in args else len(args)
    words = [word for word in args[:end] if word != "--debug"]
    is_debug = len(words) < end
    return [*(["--debug"] if is_debug else []), *words, *args[end:]], is_debug


def _print_anything() -> None:
    # A terminal that knows no Unicode gets escapes, and no error.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
