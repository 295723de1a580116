"""Owns how text that others wrote is shown to people: nothing in it is obeyed or goes unseen."""

import re
import unicodedata

_CONTROLS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, formats such as bidirectional overrides, lone surrogates, separators of lines."""

_BLANK = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0]")
"""Letters and marks that have no shape: fillers and joiners (Default_Ignorable_Code_Point)."""


def visible(text: object, *, lines: bool = False) -> str:
    """Return text with everything a terminal would obey, hide or reorder written as an escape.

    Models, customers and tools write what is shown: escape sequences could repaint the approval
    that a person is about to give, bidirectional controls could turn an amount around
    (CVE-2021-42574), and fillers could make two orders look like one.

    Args:
        text: The text, or what has one.
        lines: Whether line ends may stay; where they may not, nothing can look like a line of ours.
    """
    kept = "\n" if lines else ""
    return "".join(
        character.encode("unicode_escape").decode()
        if _is_unseen(character) and character not in kept
        else character
        for character in str(text)
    )


def _is_unseen(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    return unicodedata.category(character) in _CONTROLS or _BLANK.match(character) is not None
