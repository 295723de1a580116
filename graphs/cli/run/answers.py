"""Owns the question to the person at the keyboard: how an approval is answered there."""

import json
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass

from langgraph.types import Interrupt
from rich.console import Console

from bailiwick.graphs.cli.terminal.console import IsOpen, line_of, quoted

Answer = dict[str, object]

KINDS = ("approve", "edit", "reject", "respond")
LATER = "later"


def read_answer(console: Console, interrupt: Interrupt, is_open: IsOpen) -> Answer | None:
    """Ask what the answer to an approval is; `None` if it is to be given later.

    Raises:
        OvertakenError: If it is open no more before it is answered.
    """
    _forget_typed()
    try:
        return _Question(console, is_open).read(interrupt)
    except EOFError:
        # Nobody is there: a closed pipe, or Ctrl-D.
        console.print()
        return None


@dataclass(frozen=True, slots=True)
class _Question:
    """Read an answer line by line, as long as the question is open."""

    console: Console
    is_open: IsOpen

    def read(self, interrupt: Interrupt) -> Answer | None:
        kind = self._choose()
        answer: Answer = {"type": kind, "action_digest": interrupt.value["action_digest"]}
        match kind:
            case "approve":
                return answer
            case "edit":
                given: Mapping[str, object] = interrupt.value["args"]
                args = {name: self._edit(name, old) for name, old in given.items()}
                return {**answer, "edited_action": {"name": interrupt.value["name"], "args": args}}
            case "reject":
                return {**answer, "message": self._line("Why? (may be left out) ")}
            case "respond":
                return {**answer, "message": self._line("What shall the agent be told? ", least=1)}
            case _:
                return None

    def _choose(self) -> str:
        words = (*KINDS, LATER)
        while True:
            typed = self._line(f"{', '.join(KINDS)} or {LATER}? ", least=1).lower()
            found = [word for word in words if word.startswith(typed)]
            if len(found) == 1:
                return found[0]
            told = f"Type one of {', '.join(words)}, or as much of it as tells it apart."
            self.console.print(told)

    def _edit(self, name: str, old: object) -> object:
        """Ask for one argument; nothing typed keeps it."""
        is_text = isinstance(old, str)
        shown = old if is_text else json.dumps(old, ensure_ascii=False)
        while typed := self._line(f"{name} ({shown}): "):
            if is_text:
                return typed
            try:
                return json.loads(typed)
            except ValueError as error:
                self.console.print(quoted(f"That is no JSON: {error}", "red"))
        return old

    def _line(self, question: str, *, least: int = 0) -> str:
        while True:
            typed = line_of(self.console, question, is_open=self.is_open).strip()
            if len(typed) >= least:
                return typed


def _forget_typed() -> None:
    """Drop what was typed before there was a question: it cannot have been the answer to it."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
