"""Owns the question to the person at the keyboard: how an approval is answered there."""

import json
import sys
import termios

from langgraph.types import Interrupt
from rich.console import Console

from bailiwick.graphs.cli.terminal import line_of, quoted

Answer = dict[str, object]

KINDS = ("approve", "edit", "reject", "respond")
LATER = "later"


def read_answer(console: Console, interrupt: Interrupt) -> Answer | None:
    """Ask what the answer to an approval is; `None` if it is to be given later."""
    _forget_typed()
    try:
        return _read(console, interrupt)
    except EOFError:
        # Nobody is there: a closed pipe, or Ctrl-D.
        console.print()
        return None


def _read(console: Console, interrupt: Interrupt) -> Answer | None:
    kind = _choose(console)
    answer: Answer = {"type": kind, "action_digest": interrupt.value["action_digest"]}
    match kind:
        case "approve":
            return answer
        case "edit":
            args = {
                name: _edit(console, name, old) for name, old in interrupt.value["args"].items()
            }
            return {**answer, "edited_action": {"name": interrupt.value["name"], "args": args}}
        case "reject":
            return {**answer, "message": _line(console, "Why? (may be left out) ")}
        case "respond":
            return {**answer, "message": _line(console, "What shall the agent be told? ", least=1)}
        case _:
            return None


def _choose(console: Console) -> str:
    words = (*KINDS, LATER)
    while True:
        typed = _line(console, f"{', '.join(KINDS)} or {LATER}? ", least=1).lower()
        found = [word for word in words if word.startswith(typed)]
        if len(found) == 1:
            return found[0]
        console.print(f"Type one of {', '.join(words)}, or as much of it as tells it apart.")


def _edit(console: Console, name: str, old: object) -> object:
    """Ask for one argument; nothing typed keeps it."""
    is_text = isinstance(old, str)
    shown = old if is_text else json.dumps(old, ensure_ascii=False)
    while typed := _line(console, f"{name} ({shown}): "):
        if is_text:
            return typed
        try:
            return json.loads(typed)
        except ValueError as error:
            console.print(quoted(f"That is no JSON: {error}", "red"))
    return old


def _line(console: Console, question: str, *, least: int = 0) -> str:
    while len(typed := line_of(console, question).strip()) < least:
        pass
    return typed


def _forget_typed() -> None:
    """Drop what was typed before there was a question: it cannot have been the answer to it."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
