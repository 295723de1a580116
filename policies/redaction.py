"""Owns redaction: no leased value leaves a tool, in plain or in disguise."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "[redacted]"

# Shorter values would be found in ordinary words; Vault's and providers' keys are far longer.
SHORTEST = 4

_HOLDS_NO_TEXT = (type(None), bool, int, float)


class Redactor:
    """Replace every occurrence of some secret values, in plain and in their usual encodings.

    Found are the value itself, JSON-escaped, URL-encoded, hexadecimal and base64 (standard and
    URL-safe alphabet, at each of the three alignments inside a longer text).
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        # Longest first, so that no remainder of a longer form is left standing.
        self._forms = sorted(found, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return `text` with each secret masked."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def value(self, value: Any) -> Any:  # noqa: ANN401 - whatever a tool returned, of the same shape
        """Return a value of the same shape with each secret in it masked, keys included."""
        if not self._forms:
            return value
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.text(value.decode("utf-8", "backslashreplace")).encode()
            case Mapping():
                return {self.value(key): self.value(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return type(value)(self.value(item) for item in value)
            case _:
                return value if isinstance(value, _HOLDS_NO_TEXT) else self.text(str(value))


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        raw.hex(),
        raw.hex().upper(),
    }
    for lead in range(3):
        # A value inside a longer base64 text starts at one of three alignments; the characters
        # shared with its neighbours are left out.
        padded = b"\0" * lead + raw
        start = -(-lead * 8 // 6)
        end = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded).decode()[start:end])
    return {form for form in forms if len(form) >= SHORTEST}
