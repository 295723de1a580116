"""Owns the words of `bailiwick approvals`. What they do is imported when one is called."""

from typing import Annotated

import typer

from bailiwick.graphs.cli.limits import Limit

approvals = typer.Typer(
    help="See what waits for a person, answer it, and let the threads go on.",
    no_args_is_help=True,
)

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The request's id, or as much as tells it apart.")
]
Digest = Annotated[
    str | None,
    typer.Option(help="Refuse unless this is the digest of the call, as `show` prints it."),
]
Every = Annotated[
    bool, typer.Option("--all", help="Those that were answered or have expired, too.")
]
Watch = Annotated[bool, typer.Option("--watch", help="Keep going until interrupted.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@approvals.command("ls")
def ls(
    every: Every = False,  # noqa: FBT002 - a flag
    thread: Annotated[str | None, typer.Option(help="Only this thread.")] = None,
    limit: Limit = None,
    as_json: Json = False,  # noqa: FBT002 - as above
) -> None:
    """List what waits for an answer, newest last: what, by whom, why, and until when."""
    from bailiwick.graphs.cli.approvals.inbox import list_requests  # noqa: PLC0415 - --help must be quick

    list_requests(every=every, thread=thread, limit=limit, as_json=as_json)


@approvals.command("show")
def show(request: Id, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Print everything about one request, its digest included."""
    from bailiwick.graphs.cli.approvals.inbox import show_request  # noqa: PLC0415 - as above

    show_request(request, as_json=as_json)


@approvals.command("approve")
def approve(request: Id, digest: Digest = None) -> None:
    """Let the call run as it is."""
    from bailiwick.graphs.cli.approvals.inbox import approve_request  # noqa: PLC0415 - as above

    approve_request(request, digest)


@approvals.command("edit")
def edit(
    request: Id,
    args: Annotated[
        str, typer.Option(help="The arguments to change, as a JSON object; the others stay.")
    ],
    digest: Digest = None,
) -> None:
    """Let the call run with other arguments, if the rules and the people they need agree."""
    from bailiwick.graphs.cli.approvals.inbox import edit_request  # noqa: PLC0415 - as above

    edit_request(request, args, digest)


@approvals.command("reject")
def reject(
    request: Id,
    message: Annotated[str, typer.Option(help="Why; the agent reads it.")] = "",
    digest: Digest = None,
) -> None:
    """Forbid the call."""
    from bailiwick.graphs.cli.approvals.inbox import reject_request  # noqa: PLC0415 - as above

    reject_request(request, message, digest)


@approvals.command("respond")
def respond(
    request: Id,
    message: Annotated[str, typer.Option(help="What the agent reads in place of a result.")],
    digest: Digest = None,
) -> None:
    """Answer the agent in the tool's place; the tool does not run."""
    from bailiwick.graphs.cli.approvals.inbox import respond_to_request  # noqa: PLC0415 - as above

    respond_to_request(request, message, digest)


@approvals.command("deliver")
def deliver(
    watch: Watch = False,  # noqa: FBT002 - a flag
    url: Annotated[
        str | None,
        typer.Option(help="Those of the LangGraph Server at this address, not those here."),
    ] = None,
) -> None:
    """Let the threads go on that wait for what has been answered or has expired."""
    if url is not None:
        from bailiwick.graphs.cli.approvals.remote import deliver_to_server  # noqa: PLC0415 - as above

        deliver_to_server(url, watch=watch)
        return
    from bailiwick.graphs.cli.approvals.delivering import deliver_due  # noqa: PLC0415 - as above

    deliver_due(watch=watch)
