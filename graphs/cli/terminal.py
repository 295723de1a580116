"""Owns what may be shown in a terminal: text that others wrote is printed, never obeyed."""

import unicodedata

from rich.console import Console
from rich.text import Text

WIDEST = 110
"""Columns beyond which lines are hard to read, however wide the terminal is."""


def terminal(*, stderr: bool = False) -> Console:
    """Return the console to print on, no wider than lines can be read."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        console.width = min(console.width, WIDEST)
    return console


def visible(text: object, *, lines: bool = False) -> str:
    """Return text with everything a terminal would obey, hide or reorder written as an escape.

    Models, customers and tools write what is shown: escape sequences could repaint the approval
    that a person is about to give, and bidirectional controls could turn an amount around
    (CVE-2021-42574).

    Args:
        text: The text, or what has one.
        lines: Whether line ends may stay; where they may not, nothing can look like a line of ours.
    """
    kept = "\n" if lines else ""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _CONTROLS and character not in kept
        else character
        for character in str(text)
    )


def quoted(text: object, style: str = "", *, lines: bool = False) -> Text:
    """Return text that others wrote, for printing: no control and no markup in it has an effect."""
    return Text(visible(text, lines=lines), style=style)


_CONTROLS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, formats such as bidirectional overrides, lone surrogates, separators of lines."""
