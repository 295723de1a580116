"""Owns what a terminal shows of a run while it goes on."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from pydantic import ValidationError
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bailiwick.graphs.cli.terminal.console import quoted
from bailiwick.graphs.cli.terminal.facts import asked, facts, faults
from bailiwick.graphs.handoff import METADATA_KEY_HANDOFF_DESTINATION, METADATA_KEY_IS_HANDOFF_BACK
from bailiwick.policies.questions import spelled

HANDOFF = "transfer_to_"
NAMES = 12
"""Columns for the names of those who speak."""


class Narration:
    """Print each message of a run once, as it comes.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._told: set[str] = set()
        self._answered: set[str] = set()
        self._result = ""

    @property
    def has_told(self) -> bool:
        """Whether anything has happened yet."""
        return bool(self._told)

    def tell(self, update: Mapping[str, Any]) -> None:
        """Print what one step of a graph added."""
        changes = [change for change in update.values() if isinstance(change, Mapping)]
        for message in chain.from_iterable(change.get("messages", ()) for change in changes):
            self._tell(message)

    def say(self, who: str, text: Text) -> None:
        """Print one line: who, and what; what does not fit goes on below itself."""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=NAMES, style="bold cyan", no_wrap=True)
        line.add_column(overflow="fold")
        line.add_row(quoted(who), text)
        self.console.print(line)

    def ask(self, request: Mapping[str, Any]) -> None:
        """Print who asks for what, why, and with which credential."""
        table = facts(asked(request))
        self.console.print(Panel(table, title="an approval is needed", border_style="yellow"))

    def refuse(self, error: ValidationError) -> None:
        """Print why an answer was not taken."""
        text = Text("not taken: ", style="red")
        self.say("", text.append_text(quoted(faults(error), "default")))

    def _tell(self, message: BaseMessage) -> None:
        if message.id is None or message.id in self._told:
            return
        self._told.add(message.id)
        if message.response_metadata.get(METADATA_KEY_IS_HANDOFF_BACK):
            return
        if isinstance(message, AIMessage):
            # Where an earlier run asked for it, this one hears of its result first.
            if self._answered.intersection(call["id"] or "" for call in message.tool_calls):
                return
            for line in self._spoken(message):
                self.say(message.name or "", line)
        elif isinstance(message, ToolMessage):
            self._tell_result(message)

    def _tell_result(self, message: ToolMessage) -> None:
        self._answered.add(message.tool_call_id)
        if METADATA_KEY_HANDOFF_DESTINATION in message.response_metadata:
            return
        self._result = str(message.text).strip()
        style = "red" if message.status == "error" else "green"
        self.say("", quoted(self._result, style, lines=True))

    def _spoken(self, message: AIMessage) -> Iterable[Text]:
        text = str(message.text).strip()
        if text and text == self._result:
            yield Text("reports that", style="dim")
        elif text and not any(text in call["args"].values() for call in message.tool_calls):
            yield quoted(text, lines=True)
        for call in message.tool_calls:
            yield _call(call)


def _call(call: ToolCall) -> Text:
    name, args = call["name"], call["args"]
    if name.startswith(HANDOFF):
        task = f": {args['task']}" if args.get("task") else ""
        return quoted(f"hands over to {name.removeprefix(HANDOFF)}{task}")
    return quoted(f"asks for {spelled(name, args)}")
