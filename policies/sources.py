"""Owns the policy files as they were read: their text, the places in it, and the version."""

import hashlib
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bailiwick.policies.canonical import digest
from bailiwick.policies.errors import PolicyError

# A semicolon ends a statement unless it stands in a string or a comment, which are matched first.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n\r]*|;', re.DOTALL)
_BLANK = re.compile(r"(?:\s|//[^\n\r]*)*")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f_]{1,9})\}|.)")
_QUOTED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Hold one policy file.

    Attributes:
        path: Where it was read from, as the caller spelled it.
        text: What it says.
        hash: The SHA-256 of its bytes, as 64 hex digits.
    """

    path: Path
    text: str
    hash: str

    def line(self, offset: int) -> int:
        """Return the number of the line that holds the character at `offset`, from 1."""
        return self.text.count("\n", 0, offset) + 1

    def statements(self) -> Iterator[tuple[int, str]]:
        """Yield each statement with the offset it begins at, without the comments above it.

        What follows the last semicolon is a statement too: Cedar says what it lacks.
        """
        start = 0
        ends = [token.end() for token in _TOKEN.finditer(self.text) if token.group() == ";"]
        for end in [*ends, len(self.text)]:
            blank = _BLANK.match(self.text, start, end)
            begin = blank.end() if blank else start
            if begin < end:
                yield begin, self.text[begin:end]
            start = end

    def error(self, line: int, message: str) -> PolicyError:
        """Return an error that begins with this file and a line."""
        return PolicyError(f"{self.path}:{line}: {message}")


def read_folder(folder: Path) -> tuple[tuple[Source, ...], Source]:
    """Return the rule files of a folder, in the order of their names, and its schema.

    Sub-folders are not read. Whatever is named like a rule file must be one: a link to a file that
    is gone may have been the only rule that forbids something.

    Raises:
        PolicyError: If the folder or a file cannot be read, there is no rule file, or not exactly
            one schema.
    """
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise PolicyError(
            f"{folder}: cannot be read as a policy folder ({error.strerror}): name a folder that"
            " holds *.cedar files and one *.cedarschema"
        ) from None
    rules = tuple(_read(path) for path in names if path.suffix.lower() == ".cedar")
    schemas = [path for path in names if path.suffix.lower() == ".cedarschema"]
    if not rules:
        raise PolicyError(f"{folder}: holds no *.cedar file: add one, or name another folder")
    if len(schemas) != 1:
        found = ", ".join(path.name for path in schemas) or "none"
        raise PolicyError(f"{folder}: must hold exactly one *.cedarschema, found: {found}")
    return rules, _read(schemas[0])


def version(sources: Iterable[Source]) -> str:
    """Return the SHA-256 over the names and contents of files, as 64 hex digits."""
    return digest({source.path.name: source.hash for source in sources})


def line_of(message: str, text: str) -> int | None:
    """Return how many lines down in `text` stands what Cedar's message quotes, from 0.

    Cedar's Python binding gives no positions. What it quotes tells the place only if it stands
    on a single line.
    """
    for quoted in _QUOTED.findall(message):
        name = quoted.rsplit(".", 1)[-1]
        whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        lines = [number for number, line in enumerate(text.split("\n")) if whole.search(line)]
        if len(lines) == 1:
            return lines[0]
    return None


def _character(escape: re.Match[str]) -> str:
    code = int(escape[1].replace("_", "") or "0", 16) if escape[1] else 0
    return chr(code) if 0 < code <= sys.maxunicode else escape[0]


def _read(path: Path) -> Source:
    try:
        # Of a pipe, reading would wait for ever.
        content = path.read_bytes() if path.is_file() or not path.exists() else None
    except OSError as error:
        raise PolicyError(
            f"{path}:1: cannot be read ({error.strerror}): make it readable"
        ) from None
    if content is None:
        raise PolicyError(f"{path}:1: is no file: put a file there, or name it otherwise")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}: is not UTF-8: save it as UTF-8") from None
    for number, written in enumerate(text.split("\n"), start=1):
        if not unicodedata.is_normalized("NFC", _ESCAPE.sub(_character, written)):
            raise PolicyError(
                f"{path}:{number}: is not in Unicode's form NFC, as everything is that rules are "
                "compared with, so it would match nothing: save the file in that form"
            )
    return Source(path=path, text=text, hash=hashlib.sha256(content).hexdigest())
