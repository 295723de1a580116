"""Owns the search for secrets: in which forms they are looked for, and what was found where."""

import base64
import json
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from bailiwick.graphs.checkpoints.serializer import COMPRESSED, CompactSerializer

FORMS = ("plain", "base64", "hex", "URL-encoded")

_WORD = re.compile(rb"[\w+/=.%~-]{8,}")
_SERIALIZER = CompactSerializer()


def found(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> set[tuple[str, str, str]]:
    """Return what was found: the secret's name, its form, the place."""
    # A place says most words many times over, and a needle that is a word lies within one of them.
    words = {place: b"\n".join(set(_WORD.findall(hay))) for place, hay in places.items()}
    return {
        (name, form, place)
        for name, secret in secrets.items()
        for form in FORMS
        for needle in _needles(secret, form)
        for place, hay in (words if _WORD.fullmatch(needle) else places).items()
        if needle in hay
    }


def encoded(secret: str, form: str) -> str:
    """Return a secret in one of the forms."""
    raw = secret.encode()
    match form:
        case "base64":
            return base64.b64encode(raw).decode()
        case "hex":
            return raw.hex()
        case "URL-encoded":
            return quote(secret, safe="")
        case _:
            return secret


def readable(value: object) -> Iterator[bytes]:
    """Return a stored value as it lies there, and again decoded where it is JSON or msgpack."""
    match value:
        case None:
            return
        case bytes():
            yield value
            # Not every blob is msgpack, and what is none has been searched as it is.
            for tag in ("msgpack", COMPRESSED):
                with suppress(Exception):
                    yield repr(_SERIALIZER.loads_typed((tag, value))).encode()
            yield from _decoded_json(value)
        case str():
            yield value.encode("utf-8", "surrogateescape")
            yield from _decoded_json(value)
        case _:
            yield repr(value).encode()


def join(values: Iterable[object]) -> bytes:
    """Return many values as one text to search."""
    return b"\n".join(part for value in values for part in readable(value))


def _decoded_json(text: str | bytes) -> Iterator[bytes]:
    with suppress(ValueError):
        yield repr(json.loads(text)).encode("utf-8", "surrogatepass")


def _needles(secret: str, form: str) -> set[bytes]:
    raw = secret.encode()
    match form:
        case "base64":
            texts = {text for lead in range(3) for text in _base64(raw, lead)}
        case "hex":
            texts = {raw.hex(), raw.hex().upper()}
        case "URL-encoded":
            # Where nothing needs an escape, this is the plain form.
            texts = {quote(secret, safe=""), "".join(f"%{byte:02X}" for byte in raw)}
        case _:
            texts = {secret}
    return {text.encode() for text in texts}


def _base64(raw: bytes, lead: int) -> tuple[str, str]:
    # Inside a longer text a value starts at one of three alignments; what it shares with its
    # neighbours is cut off.
    first, last = -(-lead * 8 // 6), (lead + len(raw)) * 8 // 6
    padded = b"\0" * lead + raw
    standard, urlsafe = base64.b64encode(padded), base64.urlsafe_b64encode(padded)
    return standard.decode()[first:last], urlsafe.decode()[first:last]


def spelled(value: object) -> str:
    """Return all that a value shows and more, faster than LangChain's `repr` of a message."""
    match value:
        case BaseModel():
            private = value.__pydantic_private__
            return f"{type(value).__name__}({spelled([vars(value), value.model_extra, private])})"
        case dict():
            items = (f"{each!r}: {spelled(value[each])}" for each in value)
            return f"{{{', '.join(items)}}}"
        case list() | tuple():
            return f"[{', '.join(map(spelled, value))}]"
        case _:
            return repr(value)


def everything_in(error: BaseException) -> bytes:
    """Return all that an error, its causes and the locals of their frames would print."""
    texts: list[str] = []
    todo: list[BaseException | None] = [error]
    while todo:
        if (each := todo.pop()) is not None:
            shown = traceback.TracebackException.from_exception(each, capture_locals=True)
            texts += [repr(each), repr(each.args), _attributes(each), *shown.format()]
            todo += [each.__context__, each.__cause__]
    return "\n".join(texts).encode("utf-8", "backslashreplace")


def _attributes(error: Any) -> str:  # noqa: ANN401 - an error of any kind
    return repr(vars(error))
