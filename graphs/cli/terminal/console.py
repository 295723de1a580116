"""Owns what a terminal is shown and asked: text that others wrote is printed, never obeyed."""

import json
import sys
from collections.abc import Callable
from select import select
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from bailiwick.policies.visible_text import visible

__all__ = ["OvertakenError", "confirmed", "line_of", "print_json", "quoted", "terminal", "visible"]

IsOpen: TypeAlias = Callable[[], bool]

WIDEST = 110
"""Columns beyond which lines are hard to read, however wide the terminal is."""
_HEARD = 0.5
"""Seconds after which Ctrl-C is heard for certain."""


class OvertakenError(Exception):
    """Say that somebody else has answered a question meanwhile."""


def terminal(*, stderr: bool = False) -> Console:
    """Return the console to print on, no wider than lines can be read."""
    console = Console(stderr=stderr, highlight=False)
    # Some terminals do not know how wide they are; on no columns nothing would be printed.
    console.width = console.width or WIDEST
    if console.is_terminal:
        console.width = min(console.width, WIDEST)
    return console


def print_json(value: object) -> None:
    """Print a value for scripts, in ASCII: nothing in it that a terminal would obey."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def quoted(text: object, style: str = "", *, lines: bool = False) -> Text:
    """Return text that others wrote, for printing: no control and no markup in it has an effect."""
    return Text(visible(text, lines=lines), style=style)


def line_of(console: Console, question: str, *, is_open: IsOpen = lambda: True) -> str:
    """Ask a question and return the line that is typed.

    Args:
        console: Where it is asked.
        question: The question.
        is_open: Tells whether it is to be answered still; asked while nothing is typed.

    Raises:
        EOFError: If nobody is there: a closed pipe, or Ctrl-D.
        OvertakenError: If the question is open no more.
    """
    console.print(quoted(question, "bold"), end="")
    if sys.stdin.isatty():
        # Just before `input` reads, Ctrl-C would go unheard until there is a line.
        while not select([sys.stdin], [], [], _HEARD)[0]:
            if not is_open():
                raise OvertakenError
    return console.input()


def confirmed(console: Console, question: str) -> bool:
    """Ask whether something shall be done; whatever is no yes is a no."""
    try:
        return line_of(console, f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        console.print()
        return False
