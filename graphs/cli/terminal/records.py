"""Owns how records look in a terminal."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from rich.table import Table
from rich.text import Text

from bailiwick.graphs.cli.terminal.console import quoted, visible
from bailiwick.policies.questions import spelled
from bailiwick.tools.records.chain import Record

Body: TypeAlias = Mapping[str, Any]

STYLES = {"deny": "red", "review": "yellow", "allow": "green"}
WORDS = {"deny": "denied", "review": "to be approved", "allow": "allowed"}
ANSWERS = {
    "approve": "approves",
    "edit": "changes the arguments",
    "reject": "rejects",
    "respond": "answers in the tool's place",
}


def record_table(thread: str, records: Iterable[Record]) -> Table:
    """Return a thread's records as a table: number, time in UTC, who, and what happened.

    The day of the first one stands above them, and any other at the first one of that day.
    """
    rows = list(records)
    day = str(rows[0].at)[:10] if rows else ""
    title = quoted(f"thread {thread}, {day}")
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("#", justify="right")
    table.add_column("UTC", no_wrap=True)
    table.add_column("who", no_wrap=True, max_width=14)
    table.add_column("what", overflow="fold")
    for record in rows:
        who, what = describe(record)
        last, (day, at) = day, (str(record.at)[:10], str(record.at)[11:19])
        told = at if day == last else f"{day[5:]} {at}"
        table.add_row(quoted(record.seq), quoted(told), quoted(who), what)
    return table


def describe(record: Record) -> tuple[str, Text]:
    """Return who did what, as a record says; one that was changed need not say anything."""
    try:
        body = record.body
        who = str(body.get("by") or body.get("agent") or body.get("requester") or "")
        return who, _SENTENCES.get(record.kind, _other)(body)
    except (ValueError, TypeError, AttributeError, LookupError):
        return "", Text("cannot be read: bailiwick audit verify", style="red")


def _decision(body: Body) -> Text:
    verdict = str(body["verdict"])
    text = Text(WORDS[verdict], style=STYLES[verdict])
    text.append(visible(f" {spelled(body['tool'], body['args'])}"), "default")
    return text.append_text(_reason(body))


def _handoff(body: Body) -> Text:
    return quoted(f"hands over to {body['to']}").append_text(_reason(body))


def _reason(body: Body) -> Text:
    # What the rules permit explains itself; a refusal does not.
    if body["verdict"] == "allow":
        return Text()
    detail = f" ({body['detail']})" if body.get("detail") else ""
    return quoted(f": {body['reason']}{detail}", STYLES[body["verdict"]])


def _requested(body: Body) -> Text:
    return quoted(f"asks for approval: {body['description']}", "yellow")


def _answered(body: Body) -> Text:
    kind = body["answer"]["type"]
    said = body["answer"].get("message") or ""
    if kind == "edit":
        said = json.dumps(body["answer"]["edited_action"]["args"], ensure_ascii=False)
    return quoted(f"{ANSWERS[kind]}{': ' if said else ''}{said}")


def _refused(body: Body) -> Text:
    # Why is a sentence of its own; a line has no room for it, and an export has.
    return quoted(f"tries to {body['answer']['type'] or 'answer'}: refused", "red")


def _revoked(body: Body) -> Text:
    if body["failure"]:
        return quoted(f"lease of {body['path']} not revoked: {body['failure']}", "red")
    return quoted(f"lease of {body['path']} {body.get('end', 'revoked')}")


def _ended(body: Body) -> Text:
    if body["outcome"] == "unknown":
        return quoted(f"{body['tool']} broke off: its outcome is in doubt", "red")
    late = ", after it was settled" if body.get("late") else ""
    return quoted(f"{body['tool']} {body['outcome']}{late}", "red" if late else "")


def _settled(body: Body) -> Text:
    why = f": {body['reason']}" if body["reason"] else ""
    if body["outcome"] == "retried":
        return quoted(f"wants {body['tool']} tried again in {body['thread']}{why}", "yellow")
    said = "took effect" if body["outcome"] == "succeeded" else "had no effect"
    return quoted(f"found out that {body['tool']} {said}{why}")


def _reconciled(body: Body) -> Text:
    outcome = str(body["outcome"])
    said = {"succeeded": "took effect", "failed": "had no effect"}.get(outcome, "is in doubt still")
    why = f": {body['detail']}" if body["detail"] else ""
    return quoted(f"the system was asked: {body['tool']} {said}{why}")


def _proposed(body: Body) -> Text:
    verb = "again" if body["kind"] == "retry" else "to undo it"
    return quoted(f"proposed {verb} in {body['thread']}: {spelled(body['tool'], body['args'])}")


def _other(body: Body) -> Text:
    return quoted(body.get("reason") or json.dumps(body, ensure_ascii=False))


_SENTENCES: Mapping[str, Callable[[Body], Text]] = {
    "request": lambda _: Text("asks"),
    "decision": _decision,
    "handoff": _handoff,
    "lease.ready": lambda body: quoted(f"is made ready for {body['tool']}: {body['path']}"),
    "lease.granted": lambda body: quoted(f"leases {body['path']} for {body['ttl']} s"),
    "lease.reused": lambda body: quoted(f"shares the lease of {body['path']}"),
    "lease.revoked": _revoked,
    "lease.failed": lambda body: quoted(f"got no credential: {body['reason']}", "red"),
    "call.started": lambda body: quoted(f"{body['tool']} starts"),
    "call.ended": _ended,
    "call.settled": _settled,
    "call.reconciled": _reconciled,
    "proposal.made": _proposed,
    "proposal.dropped": lambda body: quoted(f"nothing came of what was proposed: {body['tool']}"),
    "approval.requested": _requested,
    "approval.answered": _answered,
    "approval.refused": _refused,
    "approval.expired": lambda _: Text("approval expired", style="red"),
    "approval.cancelled": lambda body: quoted(f"approval withdrawn: {body['reason']}"),
    "approval.consumed": lambda _: Text("approval used up"),
    "checkpoints.forgotten": lambda _: Text("destroys the key of the checkpoints", style="red"),
}
