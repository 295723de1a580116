"""Owns the shapes of well-known secrets: what looks like one is masked though nobody leased it."""

import re
from collections.abc import Iterator

_SHAPES = {
    "a token of Vault": r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}",
    "a token of OpenBao": r"\b[sbr]\.[A-Za-z0-9]{24}\b",
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})",
    "a token of GitLab": r"\bglpat-[\w-]{20,}",
    "a token of Slack": r"\bxox[abeoprs]-[\w-]{10,}",
    "a key of Stripe": r"\b[rs]k_(?:live|test)_\w{16,}",
    "a key of OpenAI or Anthropic": r"\bsk-[\w-]{20,}",
    "a key of Google": r"\bAIza[\w-]{35}",
    "a JSON Web Token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    "a password in a URL": r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)",
    "a private key": (
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?"
        r"(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|\Z)"
    ),
}
_ANY = re.compile("|".join(_SHAPES.values()))


def shaped(text: str) -> Iterator[tuple[int, int]]:
    """Return where a text holds what looks like a secret: keys, tokens, passwords in URLs."""
    return (found.span() for found in _ANY.finditer(text))
