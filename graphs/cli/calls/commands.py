"""Owns the words of `bailiwick calls`. What they do is imported when one is called."""

from enum import StrEnum
from typing import Annotated

import typer

from bailiwick.graphs.cli.limits import Limit

calls = typer.Typer(
    help="See the calls that change something, settle those in doubt, and undo.",
    no_args_is_help=True,
)

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The call's id, or as much as tells it apart.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class Settlement(StrEnum):
    """Name what a person can say of a call in doubt."""

    succeeded = "succeeded"
    failed = "failed"
    retry = "retry"


@calls.command("ls")
def ls(
    thread: Annotated[str | None, typer.Option(help="Only this thread.")] = None,
    in_doubt: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--in-doubt", help="Only those whose outcome nobody knows.")
    ] = False,
    limit: Limit = None,
    as_json: Json = False,  # noqa: FBT002 - as above
) -> None:
    """List calls, newest last: what was called, by whom, and what came of it."""
    from bailiwick.graphs.cli.calls.listing import list_calls  # noqa: PLC0415 - --help must be quick

    list_calls(thread=thread, in_doubt=in_doubt, limit=limit, as_json=as_json)


@calls.command("show")
def show(call: Id, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Print everything about one call."""
    from bailiwick.graphs.cli.calls.listing import show_call  # noqa: PLC0415 - as above

    show_call(call, as_json=as_json)


@calls.command("settle")
def settle(
    call: Id,
    outcome: Annotated[
        Settlement,
        typer.Argument(help="What you found out; or retry, which takes an approval of its own."),
    ],
    reason: Annotated[
        str, typer.Option(help="How you know; the agent and the ledger read it.")
    ] = "",
) -> None:
    """Say what came of a call in doubt."""
    if outcome is Settlement.retry:
        from bailiwick.graphs.cli.calls.settling import retry_call  # noqa: PLC0415 - as above

        retry_call(call, reason)
        return
    if outcome is Settlement.failed:
        from bailiwick.graphs.cli.calls.settling import settle_failed  # noqa: PLC0415 - as above

        settle_failed(call, reason)
        return
    from bailiwick.graphs.cli.calls.listing import settle_call  # noqa: PLC0415 - as above

    settle_call(call, "succeeded", reason)


@calls.command("reconcile")
def reconcile(
    call: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Only this call; left out, every one in doubt."),
    ] = None,
) -> None:
    """Ask the systems themselves what came of calls in doubt."""
    from bailiwick.graphs.cli.calls.settling import reconcile_calls  # noqa: PLC0415 - as above

    reconcile_calls(call)


@calls.command("undo")
def undo(
    thread: Annotated[str, typer.Argument(help="The thread whose calls are to be undone.")],
) -> None:
    """Propose to undo what succeeded in a thread, newest first."""
    from bailiwick.graphs.cli.calls.settling import undo_thread  # noqa: PLC0415 - as above

    undo_thread(thread)
