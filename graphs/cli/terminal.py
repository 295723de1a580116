"""Owns what may be shown in a terminal: text that others wrote is printed, never obeyed."""

import json
import sys

from rich.console import Console
from rich.text import Text

from bailiwick.policies.visible_text import visible

__all__ = ["print_json", "quoted", "terminal", "visible"]

WIDEST = 110
"""Columns beyond which lines are hard to read, however wide the terminal is."""


def terminal(*, stderr: bool = False) -> Console:
    """Return the console to print on, no wider than lines can be read."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        console.width = min(console.width, WIDEST)
    return console


def print_json(value: object) -> None:
    """Print a value for scripts, in ASCII: nothing in it that a terminal would obey."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def quoted(text: object, style: str = "", *, lines: bool = False) -> Text:
    """Return text that others wrote, for printing: no control and no markup in it has an effect."""
    return Text(visible(text, lines=lines), style=style)
