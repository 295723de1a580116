"""Owns how records look in a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from bailiwick.tools.ledger import Record

STYLES = {"deny": "red", "review": "yellow", "allow": "green"}


def record_table(thread: str, records: Iterable[Record]) -> Table:
    """Return a thread's records as a table, one line each."""
    table = Table(title=f"thread {escape(thread)}", title_justify="left", box=None, padding=(0, 1))
    for heading in ("#", "time", "agent", "record", "what", "hash"):
        table.add_column(heading, no_wrap=heading != "what")
    for record in records:
        body = record.body
        table.add_row(
            str(record.seq),
            record.at[11:23],
            escape(str(body.get("agent") or "")),
            record.kind,
            _sentence(record.kind, body),
            record.hash[:8],
        )
    return table


def _sentence(kind: str, body: Mapping[str, Any]) -> str:
    verdict = body.get("verdict", "")
    styled = f"[{STYLES[verdict]}]{verdict}[/]" if verdict else ""
    sentences = {
        "decision": lambda: f"{escape(_call(body))}: {styled} {escape(body['reason'])}",
        "handoff": lambda: f"hands off to {escape(body['to'])}: {styled}",
        "lease.granted": lambda: f"{escape(body['path'])} for {body['ttl']} s",
        "lease.revoked": lambda: escape(body["failure"] or f"{body['path']} given back"),
        "call.started": lambda: f"{escape(body['tool'])} starts",
        "call.ended": lambda: f"{escape(body['tool'])} {body['outcome']}",
        "approval.requested": lambda: escape(f"{body['description']} {body['reason']}"),
        "approval.answered": lambda: escape(f"{body['by']}: {body['answer']['type']}"),
    }
    return sentences.get(kind, lambda: escape(str(body.get("reason", ""))))()


def _call(body: Mapping[str, Any]) -> str:
    return f"{body['tool']}({', '.join(f'{k}={v}' for k, v in body['args'].items())})"
