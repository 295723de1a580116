"""Owns what a text says once it is read: its escapes undone, and where each piece of it stands."""

import html
import json
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import accumulate

DEPTH = 3
"""How often a text is read: JSON in a URL in HTML says something else each time."""

_HEX = "[0-9A-Fa-f]"


def _utf8(sign: str) -> str:
    # RFC 3629, section 4: each character by itself, so that whatever stands before it does no harm.
    more = f"{sign}[89ABab]{_HEX}"
    return (
        f"{sign}[0-7]{_HEX}|{sign}[CDcd]{_HEX}{more}|{sign}[Ee]{_HEX}(?:{more}){{2}}"
        f"|{sign}[Ff][0-7](?:{more}){{3}}"
    )


_ESCAPES = {
    "of URLs": _utf8("%"),
    "of bytes in UTF-8": _utf8(r"\\x"),
    "of one byte": rf"\\x{_HEX}{{2}}",
    "of JSON": rf"\\u[Dd][89ABab]{_HEX}{{2}}\\u[Dd][C-Fc-f]{_HEX}{{2}}|\\u{_HEX}{{4}}",
    "of Python": rf"\\U00(?:0{_HEX}|10){_HEX}{{4}}",
    "of JavaScript": rf"\\u\{{(?:10|{_HEX})?{_HEX}{{1,4}}\}}",
    "of one sign": r"\\[\s\S]",
    "of HTML and XML": rf"&(?:#[0-9]{{1,7}}|#[Xx]{_HEX}{{1,6}}|[A-Za-z][0-9A-Za-z]{{1,31}});",
}
_ESCAPE = re.compile(f"({'|'.join(_ESCAPES.values())})")
_SIGNS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Reading:
    """Hold what a text says, and tell which part of the text says it.

    Args:
        parts: The text, cut so that each second part is one that reads otherwise.
        said: What each of them reads as.
        within: What the text itself was read from, if it was.
    """

    def __init__(self, parts: list[str], said: list[str], within: "Reading | None" = None) -> None:
        self.text = "".join(said)
        self._parts = parts
        self._said = said
        self._within = within

    def read(self, marks: re.Pattern[str], reads: Callable[[str], str]) -> "Reading | None":
        """Return what its text says where marks read otherwise; nothing if there are none.

        Args:
            marks: What finds them, as its one group.
            reads: Says how one reads.
        """
        parts = marks.split(self.text)
        if len(parts) == 1:
            return None
        said, ways = parts.copy(), {mark: reads(mark) for mark in set(parts[1::2])}
        said[1::2] = [ways[mark] for mark in parts[1::2]]
        return Reading(parts, said, self)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the first text stands what its text says from `start` to `end`."""
        if self._within is None:
            return start, end
        first = bisect_right(self._places, start) - 1
        last = bisect_left(self._places, end) - 1
        begin, stop = self._origins[first], self._origins[last + 1]
        # What reads otherwise is one thing; of the rest each character stands for itself.
        if first % 2 == 0:
            begin += start - self._places[first]
        if last % 2 == 0:
            stop = self._origins[last] + end - self._places[last]
        return self._within.span(begin, stop)

    @cached_property
    def _places(self) -> list[int]:
        return [0, *accumulate(map(len, self._said))]

    @cached_property
    def _origins(self) -> list[int]:
        return [0, *accumulate(map(len, self._parts))]


def readings(text: str) -> Iterator[Reading]:
    """Return a text as it stands, then as it reads with its escapes undone, and theirs in turn."""
    reading: Reading | None = Reading([text], [text])
    for _ in range(DEPTH + 1):
        if reading is None:
            return
        yield reading
        reading = reading.read(_ESCAPE, _unescaped)


def _unescaped(escape: str) -> str:
    if escape[0] == "&":
        return _entity(escape)
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode(errors="replace")
    sign = escape[1]
    if len(escape) == len(r"\n"):
        return _SIGNS.get(sign, sign)
    if sign == "x":
        raw = bytes.fromhex(escape.replace(r"\x", ""))
        # A lone byte beyond ASCII is no UTF-8: languages write the first 256 characters so.
        return raw.decode("latin-1" if len(raw) == 1 else "utf-8", errors="replace")
    if sign == "U" or escape[2] == "{":
        return chr(int(escape.strip(r"\uU{}"), 16))
    said: str = json.loads(f'"{escape}"')
    return said


def _entity(escape: str) -> str:
    if escape[1] != "#":
        return html.unescape(escape)
    # As it was written: browsers read some numbers as what Windows has there.
    digits = escape[2:-1]
    number = int(digits[1:], 16) if digits[0] in "Xx" else int(digits)
    return chr(number) if number <= sys.maxunicode else escape
