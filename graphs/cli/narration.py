"""Owns what a terminal shows of a run while it goes on."""

from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from bailiwick.graphs.handoff import METADATA_KEY_HANDOFF_DESTINATION, METADATA_KEY_IS_HANDOFF_BACK


class Narration:
    """Print each message of a run once, as it comes.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._told: set[str] = set()

    def tell(self, update: Mapping[str, Any]) -> None:
        """Print what one step of a graph added."""
        for change in update.values():
            if isinstance(change, Mapping):
                for message in change.get("messages", ()):
                    self._tell(message)

    def ask(self, request: Mapping[str, Any]) -> None:
        """Print who asks for what, why, and with which credential."""
        table = Table.grid(padding=(0, 2))
        credential = request["credential"]
        lease = f"{credential['path']} for {credential['ttl']} s" if credential else "none"
        for name, value in (
            ("what", request["description"]),
            ("arguments", ", ".join(f"{k} = {v}" for k, v in request["args"].items())),
            ("agent", " > ".join([*request["chain"], request["agent"]])),
            ("asked by", request["requester"]),
            ("why you", "; ".join(_rule(rule) for rule in request["rules"])),
            ("credential", f"{lease}, leased after your approval"),
            ("until", request["expires_at"]),
        ):
            table.add_row(f"[bold]{name}[/]", escape(str(value)))
        self.console.print(Panel(table, title="an approval is needed", border_style="yellow"))

    def _tell(self, message: BaseMessage) -> None:
        if message.id is None or message.id in self._told:
            return
        self._told.add(message.id)
        for line in _lines(message):
            self.console.print(line)


def _lines(message: BaseMessage) -> Iterable[str]:
    if message.response_metadata.get(METADATA_KEY_IS_HANDOFF_BACK):
        return
    who = f"[bold cyan]{escape(message.name or '')}[/]"
    if isinstance(message, AIMessage):
        for call in message.tool_calls:
            yield f"  {who} asks for {escape(_call(call['name'], call['args']))}"
        if message.text and not message.tool_calls:
            yield f"  {who} says: {escape(message.text)}"
    elif isinstance(message, ToolMessage):
        if METADATA_KEY_HANDOFF_DESTINATION in message.response_metadata:
            return
        mark = "[red]x[/]" if message.status == "error" else "[green]=[/]"
        yield f"    {mark} {escape(message.text)}"


def _rule(rule: Mapping[str, Any]) -> str:
    people = "a" if rule["quorum"] == 1 else f"{rule['quorum']}"
    return f"{rule['reason']}: {people} {rule['role']} must agree (rule {rule['id']})"


def _call(name: str, args: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value}' for key, value in args.items())})"
