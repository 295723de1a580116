"""Owns the names of dynamic users: a subset of the templates that Vault takes."""

import re
from collections.abc import Callable

from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.tokens import random_text

LONGEST = 63
"""Characters that PostgreSQL keeps of a name."""

DEFAULT = "v-{{.DisplayName | truncate 8}}-{{.RoleName | truncate 8}}-{{random 20}}-{{unix_time}}"
_ACTION = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_PIPE = re.compile(r"truncate (\d+)|lowercase|uppercase")


def username(template: str, *, display: str, role: str, now: float) -> str:
    """Return the name of a new user.

    Known are `.DisplayName`, `.RoleName`, `random N` and `unix_time`, and behind them the pipes
    `truncate N`, `lowercase` and `uppercase`.

    Args:
        template: The template; Vault's own where empty.
        display: The display name of the token that asks.
        role: The role that it asks for.
        now: The Unix time.

    Raises:
        Refusal: With status 400, if the template holds something else.
    """
    values = {".DisplayName": display, ".RoleName": role, "unix_time": str(int(now))}

    def fill(found: re.Match[str]) -> str:
        source, *pipes = (part.strip() for part in found[1].split("|"))
        text = values.get(source) or _random(source)
        for pipe in pipes:
            text = _piped(pipe)(text)
        return text

    return _ACTION.sub(fill, template or DEFAULT)[:LONGEST]


def _random(source: str) -> str:
    word, _, length = source.partition(" ")
    if word != "random" or not length.isdecimal():
        raise _unknown(source)
    return random_text(int(length))


def _piped(pipe: str) -> Callable[[str], str]:
    found = _PIPE.fullmatch(pipe)
    if found is None:
        raise _unknown(pipe)
    if found[1]:
        return lambda text: text[: int(found[1])]
    return str.lower if pipe == "lowercase" else str.upper


def _unknown(action: str) -> Exception:
    return invalid(
        f"unable to initialize username template: the development Vault does not know {action!r}"
    )
