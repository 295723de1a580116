"""Owns the shapes of well-known secrets: what looks like one is masked though nobody leased it."""

import re
from collections.abc import Iterator

# Each with what stands in every one of its kind, for that is found far sooner than its shape.
_SHAPES = {
    "a token of Vault": ("hvs. hvb. hvr.", r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    "a token of OpenBao": ("s. b. r.", r"[sbr](?<!\w[sbr])\.[A-Za-z0-9]{24}\b"),
    "a key of AWS": ("AKIA ASIA", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of GitHub": (
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})",
    ),
    "a token of GitLab": ("glpat-", r"\bglpat-[\w-]{20,}"),
    "a token of Slack": ("xox", r"\bxox[abeoprs]-[\w-]{10,}"),
    "a key of Stripe": ("k_live_ k_test_", r"\b[rs]k_(?:live|test)_\w{16,}"),
    "a key of OpenAI or Anthropic": ("sk-", r"\bsk-[\w-]{20,}"),
    "a key of Google": ("AIza", r"\bAIza[\w-]{35}"),
    "a JSON Web Token": ("eyJ", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    "a password in a URL": ("://", r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"),
    "a private key": (
        "-----BEGIN",
        (
            r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?"
            r"(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|\Z)"
        ),
    ),
}
_FOUND = [(hints.split(), re.compile(shape)) for hints, shape in _SHAPES.values()]


def shaped(text: str) -> Iterator[tuple[int, int]]:
    """Return where a text holds what looks like a secret: keys, tokens, passwords in URLs."""
    for hints, shape in _FOUND:
        if any(hint in text for hint in hints):
            yield from (found.span() for found in shape.finditer(text))
