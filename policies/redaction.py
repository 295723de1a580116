"""Owns redaction: no leased value leaves a tool, in plain or in disguise."""

import base64
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from bailiwick.policies.readings import Reading, readings
from bailiwick.policies.secret_shapes import shaped

MASK = "[redacted]"

# Shorter values would be found in ordinary words; Vault's and providers' keys are far longer.
SHORTEST = 4

# Across a line's end, more of ordinary words would look like one.
SHORTEST_BROKEN = 8

_NORMAL: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
_PERCENT = re.compile("%[0-9A-F]{2}")
_BREAK = re.compile(r"((?<![ \t>|])(?:[ \t>|]*(?:[\r\n]|\\[rn]|\\(?=[\r\n])))+[ \t>|]*)")
_SCALARS = (type(None), bool, int, float)


class Redactor:
    """Replace every occurrence of some secret values, in plain and in their usual encodings.

    Found are the value itself, with and without the white space around it, in each of Unicode's
    canonical forms (text on record is in NFC, whatever the value was); hexadecimal; base64
    (standard and URL-safe alphabet, at each of the three alignments inside a longer text); each of
    them also broken over lines, however those are indented or quoted, and escaped as JSON, URLs,
    HTML, XML and the literals of programs do, whichever characters those leave as they are, up to
    `DEPTH` times over. Values and encodings shorter than `SHORTEST` characters, or than
    `SHORTEST_BROKEN` over lines, are left alone. Where there is a secret at all, what looks like
    one of a well-known kind is masked too, such as a private key.

    Attributes:
        secrets: What is looked for.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self.secrets = frozenset(secrets)
        normal = {
            unicodedata.normalize(form, secret) for form in _NORMAL for secret in self.secrets
        }
        bare = {spelled for each in self.secrets | normal for spelled in (each, each.strip())}
        found = {form for secret in bare if len(secret) >= SHORTEST for form in _forms(secret)}
        self._forms = sorted(form for form in found if len(form) >= SHORTEST)
        joined = {_BREAK.sub("", form) for form in found}
        self._joined = sorted(form for form in joined if len(form) >= SHORTEST_BROKEN)

    @classmethod
    def of(cls, redactors: Iterable["Redactor"]) -> "Redactor":
        """Return one that finds what any of some others does."""
        one, others = cls(()), list(redactors)
        one.secrets = frozenset[str]().union(*(each.secrets for each in others))
        one._forms = sorted({form for each in others for form in each._forms})  # noqa: SLF001 - of its own kind
        one._joined = sorted({form for each in others for form in each._joined})  # noqa: SLF001 - as above
        return one

    def text(self, text: str) -> str:
        """Return `text` with each secret masked; where several overlap, the whole of them."""
        if not self._forms:
            return text
        spans = sorted([*self._spelled(text), *shaped(text)])
        parts: list[str] = []
        clean = 0
        for start, end in spans:
            if start >= clean:
                parts += [text[clean:start], MASK]
            clean = max(clean, end)
        return "".join([*parts, text[clean:]])

    def _spelled(self, text: str) -> Iterator[tuple[int, int]]:
        for reading in readings(text):
            yield from _found(reading, self._forms)
            unbroken = reading.read(_BREAK, lambda _: "")
            if unbroken is not None:
                yield from _found(unbroken, self._joined)

    def value(self, value: Any) -> Any:  # noqa: ANN401 - whatever a tool returned, of the same shape
        """Return a value of the same shape with each secret in it masked, keys included."""
        if not self._forms:
            return value
        match value:
            case str():
                return self.text(value)
            case bytes():
                text = value.decode(errors="surrogateescape")
                return self.text(text).encode(errors="surrogateescape")
            case Mapping():
                return {self.value(key): self.value(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                # Not the value's own type: a named tuple takes its items one by one.
                return _plain_kind(value)(self.value(item) for item in value)
            case _:
                shown = str(value)
                masked = self.text(shown)
                is_clean = masked == shown and isinstance(value, _SCALARS)
                return value if is_clean else masked


def _plain_kind(value: object) -> Callable[[Iterable[Any]], Any]:
    return next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))


def _found(reading: Reading, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    text = reading.text
    return (
        reading.span(start, start + len(form)) for form in forms for start in _starts(text, form)
    )


def _starts(text: str, form: str) -> Iterator[int]:
    start = text.find(form)
    while start >= 0:
        yield start
        start = text.find(form, start + 1)


def _forms(secret: str) -> set[str]:
    # A lone surrogate, which JSON can hold, has no bytes otherwise.
    raw = secret.encode(errors="surrogatepass")
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    return {
        # A secret may itself hold what reads as an escape, and a form has a plus for each space.
        *(each.text for each in readings(secret)),
        secret.replace(" ", "+"),
        *escaped,
        *(json.dumps(once, ensure_ascii=False)[1:-1] for once in escaped),
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        repr(raw)[2:-1],
        *quoted,
        *(_PERCENT.sub(lambda found: found[0].lower(), once) for once in quoted),
        raw.hex(),
        raw.hex().upper(),
        *_base64(raw),
    }


def _base64(raw: bytes) -> Iterator[str]:
    for lead in range(3):
        # A value inside a longer base64 text starts at one of three alignments; the characters
        # shared with its neighbours are left out.
        padded = b"\0" * lead + raw
        start = -(-lead * 8 // 6)
        end = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded).decode()[start:end]
