"""Owns what the command line does about approvals: list, show, answer."""

import json
import shlex
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from rich.text import Text

from bailiwick.graphs.cli.ledgers import open_ledger
from bailiwick.graphs.cli.limits import older, skipped
from bailiwick.graphs.cli.terminal.console import print_json, quoted, terminal, visible
from bailiwick.graphs.cli.terminal.facts import asked, facts, faults
from bailiwick.graphs.cli.terminal.person import approver
from bailiwick.graphs.cli.terminal.records import ANSWERS
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.answers import Answer, Approve, Edit, EditedAction, Reject, Respond
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval, State
from bailiwick.policies.canonical import plain_record
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.grants import missing
from bailiwick.policies.principals import Principal
from bailiwick.policies.questions import spelled
from bailiwick.policies.written import rfc3339, shortened
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import PROPOSALS, SERVER, Deliveries, Delivery

STYLES = {"pending": "yellow", "approved": "green", "consumed": "green", "rejected": "red"}


def list_requests(*, every: bool, thread: str | None, limit: int | None, as_json: bool) -> None:
    """Print what waits for an answer, newest last.

    Args:
        every: Whether to print those that were answered or have expired, too.
        thread: Only those of this thread.
        limit: Only so many of the newest, 0 for all.
        as_json: Whether to print one JSON array.

    Raises:
        LedgerError: If the ledger cannot be read, or has no such thread.
    """
    state: State | None = None if every else "pending"
    with _opened(thread) as (approvals, _, _):
        total = approvals.count(state=state, thread=thread)
        skip = skipped(total, limit, as_json=as_json)
        found = approvals.list(state=state, thread=thread, skip=skip)
    if as_json:
        print_json([_plain(approval) for approval in found])
        return
    console = terminal()
    for approval in found:
        console.print(
            _heading(shortened(approval.request.id), approval),
            facts(_decidable(approval)),
            "",
            sep="\n",
        )
    if not found:
        console.print("Nothing is on record." if every else "Nothing waits for an answer.")
    if skip:
        console.print(older(skip), style="dim")


def show_request(beginning: str, *, as_json: bool) -> None:
    """Print everything about one request.

    Raises:
        ApprovalError: If there is no such request, or more than one.
        LedgerError: If the ledger cannot be read.
    """
    with _opened() as (approvals, outbox, _):
        approval = approvals.find(beginning)
        thread = approval.request.thread
        open_ones = {each.approval: each for each in outbox.list(thread)}
    delivery = open_ones.get(approval.request.id)
    if as_json:
        print_json(_plain(approval))
        return
    rows = [*_decidable(approval), *_bound(approval.request), *_delivery(delivery)]
    terminal().print(_heading(approval.request.id, approval), facts(rows), sep="\n")


def approve_request(beginning: str, digest: str | None) -> None:
    """Approve a request as whoever sits at the terminal.

    Args:
        beginning: The request's id or its beginning.
        digest: The call's digest, if the person wants to be exact.

    Raises:
        ApprovalError: If there is no such request, or the answer is not theirs to give.
        LedgerError: If the ledger cannot be read or written.
    """
    _answer(beginning, digest, lambda _, bound: Approve(action_digest=bound))


def edit_request(beginning: str, args: str, digest: str | None) -> None:
    """Put other arguments in place; see `approve_request`.

    Args:
        beginning: As there.
        args: The arguments to change, as a JSON object; the others stay.
        digest: As there.

    Raises:
        ApprovalError: As there, and if the arguments do not fit or change nothing.
        LedgerError: As there.
    """
    changes = _read_args(args)

    def edit(request: ApprovalRequest, bound: str) -> Answer:
        action = EditedAction(name=request.tool.name, args=_edited(request, changes))
        return Edit(action_digest=bound, edited_action=action)

    _answer(beginning, digest, edit)


def reject_request(beginning: str, message: str, digest: str | None) -> None:
    """Reject a request; see `approve_request`.

    Raises:
        ApprovalError: As there.
        LedgerError: As there.
    """
    _answer(beginning, digest, lambda _, bound: Reject(action_digest=bound, message=message))


def respond_to_request(beginning: str, message: str, digest: str | None) -> None:
    """Answer the agent in the tool's place; see `approve_request`.

    Raises:
        ApprovalError: As there.
        LedgerError: As there.
    """
    _answer(beginning, digest, lambda _, bound: Respond(action_digest=bound, message=message))


@contextmanager
def _opened(thread: str | None = None) -> Generator[tuple[Approvals, Deliveries, Principal]]:
    settings = read_settings()
    with open_ledger(settings, thread=thread) as ledger:
        yield Approvals(ledger), Deliveries(ledger), approver(settings)


def _answer(
    beginning: str, digest: str | None, answer: Callable[[ApprovalRequest, str], Answer]
) -> None:
    with _opened() as (approvals, _, person):
        request = approvals.find(beginning).request
        # The id alone names one exact call: it is made of the digest.
        given = answer(request, digest or request.digest)
        if isinstance(given, Edit) and _read_by(request, given) == request.args:
            error = ApprovalError("the edit changes nothing: approve the call as it is")
            approvals.refuse(request, given, by=person, error=error)
            raise error
        after = approvals.answer(request.id, given, by=person)
    console = terminal()
    console.print(quoted(f"{person.id} {ANSWERS[given.type]}: {request.description}"))
    if isinstance(given, Edit):
        changed = spelled(request.tool.name, given.edited_action.args)
        console.print(quoted(f"It is another call now, to be decided anew: {changed}"))
    console.print(quoted(_what_next(after), "dim"))


def _what_next(after: Approval) -> str:
    if after.state == "pending":
        return f"It still waits for {_missing(after)}."
    thread = shlex.quote(after.request.thread)
    if after.request.place == SERVER:
        return f"The server goes on with thread {thread} at once, if it is running."
    carried = "`bailiwick approvals deliver --watch`"
    if after.request.place.startswith(PROPOSALS):
        carried = f"the server or {carried}"
    elif after.request.place:
        return f"Thread {thread} goes on with the program that holds its graph."
    # The record does not say whose graph it is.
    return (
        f"If thread {thread} is the refund desk's, it goes on at once where {carried} runs; "
        f"otherwise with `bailiwick approvals deliver` or `bailiwick run --thread {thread}`. "
        "If it is another graph's, it goes on with the program that holds that."
    )


def _missing(approval: Approval) -> str:
    needed = missing(approval.request.requirements, approval.grants)
    return " and ".join(f"{number} x {role}" for role, number in needed.items() if number)


def _read_args(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise ApprovalError('--args takes a JSON object such as \'{"amount": "40.00"}\'')
    return read


def _edited(request: ApprovalRequest, changes: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(changes) - set(request.args))
    if unknown:
        known = ", ".join(request.args)
        raise ApprovalError(f"the call has no argument {unknown[0]!r}: it has {known}")
    return {**request.args, **{k: _spelled(request.args[k], v) for k, v in changes.items()}}


def _spelled(old: object, new: object) -> object:
    """Write a number as text where the call has one: money is kept so."""
    is_number = isinstance(new, int | float) and not isinstance(new, bool)
    return str(new) if isinstance(old, str) and is_number else new


def _read_by(request: ApprovalRequest, edit: Edit) -> Mapping[str, Any]:
    """Return an edit's arguments as the tool reads them; as they are where it is not one of ours.

    Raises:
        ApprovalError: If they do not fit.
    """
    args, tool = edit.edited_action.args, request.tool.name
    # Only an edit needs the tools, and what they stand on takes most of a second to import.
    from bailiwick.agents.refund_desk import holdings  # noqa: PLC0415 - see above
    from bailiwick.tools.shop.tools import create_shop_tools  # noqa: PLC0415 - as above

    with create_shop_tools("http://localhost") as tools:
        held = {each.use: each for some in holdings(tools).values() for each in some}
    if request.tool not in held:
        unchecked = (
            f"Whether the arguments fit is told where the thread goes on: this command holds no "
            f"{tool}, or another one."
        )
        terminal().print(quoted(unchecked, "dim"))
        return args
    try:
        held[request.tool].args_check.check(args)
        return plain_record(held[request.tool].validate_args(args))
    except ValidationError as error:
        raise ApprovalError(f"the arguments do not fit {tool!r}: {faults(error)}") from None
    except ValueError as error:
        raise ApprovalError(f"the arguments do not fit {tool!r}: {error}") from None


def _heading(identifier: str, approval: Approval) -> Text:
    heading = Text(identifier, style="bold")
    heading.append(f"  {approval.state}", STYLES.get(approval.state, "dim"))
    return heading.append(visible(f"  thread {approval.request.thread}"), "not bold dim")


def _decidable(approval: Approval) -> Iterable[tuple[str, str]]:
    is_open = approval.state == "pending"
    yield from asked(approval.request.to_interrupt(approval.grants), is_open=is_open)
    if approval.answer is not None and approval.decided_at is not None:
        said = ANSWERS[approval.answer.type]
        yield "answered", f"{approval.decided_by} {said}, {rfc3339(approval.decided_at)}"


def _bound(request: ApprovalRequest) -> Iterable[tuple[str, str]]:
    yield "asked at", rfc3339(request.created_at)
    yield "effect", request.tool.effect
    yield "tool call", request.tool_call_id
    yield "tool version", request.tool.version
    yield "policy", request.policy_version
    yield "digest", request.digest


def _delivery(delivery: Delivery | None) -> Iterable[tuple[str, str]]:
    if delivery is None:
        return
    tried = f", tried {delivery.attempts} times" if delivery.attempts else ""
    yield "delivery", f"due {rfc3339(delivery.due_at)}{tried}"
    if delivery.error:
        yield "", delivery.error


def _plain(approval: Approval) -> dict[str, Any]:
    request, answer = approval.request, approval.answer
    shown = request.to_interrupt(approval.grants)
    del shown["type"]
    return {
        **shown,
        "thread": request.thread,
        "state": approval.state,
        "effect": request.tool.effect,
        "tool_version": request.tool.version,
        "policy_version": request.policy_version,
        "asked_at": rfc3339(request.created_at),
        "answer": None if answer is None else answer.model_dump(),
        "decided_by": approval.decided_by,
        "decided_at": None if approval.decided_at is None else rfc3339(approval.decided_at),
    }
