"""Owns the reading of HCL version 1, the language of Vault's policies, as far as they use it."""

import json
import re
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "str | int | float | bool | list[Value] | Block | None"

_TOKENS = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
  | (?P<heredoc><<-?(?P<mark>\w+)[ \t]*\n(?P<text>.*?)\n[ \t]*(?P=mark)(?=\s|$))
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<number>-?\d+(?:\.\d+)?(?![\w-]))
  | (?P<word>[A-Za-z_][\w.-]*)
  | (?P<sign>[{}\[\]=,:])
    """,
    re.VERBOSE | re.DOTALL,
)
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}


class HclError(ValueError):
    """Say that a text is no HCL."""


@dataclass(frozen=True, slots=True)
class Item:
    """Hold one `key "label" { ... }` or `key = value` of an object, in the order of the text."""

    key: str
    labels: tuple[str, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class Block:
    """Hold the items of an object, doubles included."""

    items: tuple[Item, ...]


def parse(text: str) -> Block:
    """Read a document, in HCL or in JSON.

    Raises:
        HclError: If it is neither.
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    reader = _Reader(_split(text))
    block = reader.block()
    if reader.peek() is not None:
        raise HclError(f"unexpected {reader.peek()!r}")
    return block


def _from_json(text: str) -> Block:
    try:
        return _block(json.loads(text, object_pairs_hook=_Pairs))
    except ValueError:
        raise HclError("the text is no JSON") from None


class _Pairs(list[tuple[str, object]]):
    """A JSON object with its keys as written, doubles included."""


def _block(pairs: _Pairs) -> Block:
    return Block(tuple(Item(key, (), _value(value)) for key, value in pairs))


def _value(value: object) -> Value:
    if isinstance(value, _Pairs):
        return _block(value)
    if isinstance(value, list):
        return [_value(part) for part in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise HclError("the text is no JSON")


def _split(text: str) -> list[str]:
    words: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            raise HclError(f"unexpected {text[at]!r} in line {text.count(chr(10), 0, at) + 1}")
        at = found.end()
        if found["heredoc"]:
            words.append(json.dumps(found["text"]))
        elif not found["space"]:
            words.append(found[0])
    return words


class _Reader:
    """Reads the words of a document by recursive descent."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._at = 0

    def peek(self) -> str | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def block(self) -> Block:
        found: list[Item] = []
        while (word := self.peek()) is not None and word != "}":
            found.append(self._item())
            if self.peek() == ",":
                self._take()
        return Block(tuple(found))

    def _item(self) -> Item:
        key = self._key()
        labels: list[str] = []
        while (word := self.peek()) is not None and word[0] == '"':
            labels.append(self._key())
        if self.peek() in ("=", ":"):
            self._take()
        elif self.peek() != "{":
            raise HclError(f"expected a value for {key!r}, found {self.peek()!r}")
        return Item(key, tuple(labels), self._value())

    def _key(self) -> str:
        word = self._take()
        if word[0] == '"':
            return _unquote(word)
        if word in "{}[]=,:":
            raise HclError(f"expected a key, found {word!r}")
        return word

    def _value(self) -> Value:
        word = self._take()
        match word[0]:
            case '"':
                return _unquote(word)
            case "{":
                block = self.block()
                self._expect("}")
                return block
            case "[":
                return self._list()
            case _ if word in _WORDS:
                return _WORDS[word]
            case _:
                return _number(word)

    def _list(self) -> list[Value]:
        values: list[Value] = []
        while self.peek() != "]":
            values.append(self._value())
            if self.peek() != "]":
                self._expect(",")
        self._take()
        return values

    def _expect(self, sign: str) -> None:
        if self._take() != sign:
            raise HclError(f"expected {sign!r}")

    def _take(self) -> str:
        word = self.peek()
        if word is None:
            raise HclError("the text ends too early")
        self._at += 1
        return word


def _unquote(word: str) -> str:
    try:
        return str(json.loads(word, strict=False))
    except ValueError:
        raise HclError(f"bad text {word}") from None


def _number(word: str) -> int | float:
    try:
        return float(word) if "." in word else int(word)
    except ValueError:
        raise HclError(f"expected a value, found {word!r}") from None
