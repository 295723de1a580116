"""Owns the key shares: how many there are, how many it takes, and who has brought theirs.

The shares count and do nothing else: no key is split into them and nothing is encrypted, since a
development Vault keeps everything in memory in the clear.
"""

import base64
import secrets
from dataclasses import dataclass, field

from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import invalid

_SHARE_BYTES = 33


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Hold the shares of a key and how many of them it takes."""

    texts: tuple[str, ...] = field(repr=False)
    threshold: int

    @property
    def shown(self) -> dict[str, object]:
        """The shares as they are handed out once, in both spellings."""
        encoded = [base64.b64encode(bytes.fromhex(text)).decode() for text in self.texts]
        return {"keys": list(self.texts), "keys_base64": encoded}

    def is_met(self, brought: set[str]) -> bool:
        """Tell whether these are enough shares, and none of them made up."""
        return len(brought) >= self.threshold and brought <= set(self.texts)


def new_shares(body: Fields, *, default: tuple[int, int]) -> Shares:
    """Return new shares, as many as a request asks for.

    Args:
        body: The request's fields.
        default: How many shares, and how many of them it takes, where it does not say.

    Raises:
        Refusal: With status 400, if the numbers do not fit.
    """
    count = body.integer("secret_shares", default[0])
    threshold = body.integer("secret_threshold", default[1])
    if body.get("pgp_keys") or body.get("root_token_pgp_key"):
        raise invalid("PGP keys are beyond the development Vault")
    if not 1 <= threshold <= count <= 255:  # noqa: PLR2004 - Shamir's shares are numbered by a byte
        raise invalid("threshold must be between 1 and the number of shares, at most 255")
    if threshold == 1 < count:
        raise invalid("threshold must be greater than one for multiple shares")
    return made(count, threshold)


def made(count: int, threshold: int) -> Shares:
    """Return that many new shares."""
    texts = tuple(secrets.token_hex(_SHARE_BYTES) for _ in range(count))
    return Shares(texts=texts, threshold=threshold)


class Quorum:
    """Collect shares until they are enough."""

    def __init__(self) -> None:
        self._brought: set[str] = set()

    def __len__(self) -> int:
        return len(self._brought)

    def clear(self) -> None:
        """Forget what was brought."""
        self._brought.clear()

    def bring(self, text: str, shares: Shares, *, to: str) -> bool:
        """Take a share and tell whether there are enough now; then the next round begins.

        Raises:
            Refusal: With status 400, if there would be enough but one is wrong.
        """
        self._brought.add(_in_hex(text))
        if len(self._brought) < shares.threshold:
            return False
        brought = set(self._brought)
        self.clear()
        if not shares.is_met(brought):
            raise invalid(f"{to} failed, invalid key")
        return True


def _in_hex(text: str) -> str:
    try:
        bytes.fromhex(text)
    except ValueError:
        pass
    else:
        return text.lower()
    try:
        return base64.b64decode(text, validate=True).hex()
    except ValueError:
        return text
