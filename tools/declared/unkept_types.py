"""Owns the search for arguments that no call could be kept with, in what a tool's schema says."""

from collections.abc import Iterator, Mapping
from typing import Any

_MASKED = "is a secret, which is written down as stars alone: lease it by a `Credential` parameter"
_JSON = "is JSON in a text, which is kept as what the text says: annotate what it says, as `dict`"
_CHOICES = ("anyOf", "oneOf")


def unkept_types(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the arguments that are not read back from what they are written down as, and why.

    Args:
        schema: The arguments as JSON Schema, as pydantic makes it.
    """
    definitions = schema.get("$defs", {})
    for name, stated in schema.get("properties", {}).items():
        why = next(_reasons(stated, definitions, frozenset()), None)
        if why is not None:
            yield name, why


def _reasons(
    node: object, definitions: Mapping[str, Any], within: frozenset[str], *, is_choice: bool = False
) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _reasons(item, definitions, within, is_choice=is_choice)
    if not isinstance(node, Mapping):
        return
    if node.get("writeOnly") is True and node.get("format") == "password":
        yield _MASKED
    # Among several types another one may read it.
    if node.get("contentMediaType") == "application/json" and not is_choice:
        yield _JSON
    name = str(node.get("$ref", "")).rpartition("/")[2]
    if name in definitions and name not in within:
        yield from _reasons(definitions[name], definitions, within | {name}, is_choice=is_choice)
    for key, part in node.items():
        if key not in {"default", "examples", "const", "enum"}:
            chosen = is_choice or key in _CHOICES
            yield from _reasons(part, definitions, within, is_choice=chosen)
