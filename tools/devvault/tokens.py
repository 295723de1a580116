"""Owns the tokens: who they are for, how long they live, and what dies with them."""

import heapq
import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

ALPHABET = string.ascii_letters + string.digits
_FAIR = 256 - 256 % len(ALPHABET)
SYSTEM_MAX_TTL = 768 * 3600
"""Seconds that no token outlives unless it is root's or periodic: Vault's default of 32 days."""
LAST_USE = -1
"""What stands for the uses left of a token whose last request is being answered."""

Kind = Literal["service", "batch"]


def random_text(length: int = 24) -> str:
    """Return an unguessable text of letters and digits."""
    text = ""
    while len(text) < length:
        # Bytes beyond the last whole alphabet would favour its beginning.
        fair = (byte for byte in secrets.token_bytes(2 * length) if byte < _FAIR)
        text += "".join([ALPHABET[byte % len(ALPHABET)] for byte in fair])
    return text[:length]


@dataclass(slots=True, kw_only=True)
class Token:
    """Hold one live token.

    Attributes:
        id: The token itself.
        accessor: The handle by which it can be looked up and revoked, not used; a batch token
            has none.
        parent: The id of the token it dies with, or empty for an orphan.
        policies: The names of its policies.
        path: The path that made it.
        meta: What its maker wrote on it.
        display_name: Its name in logs.
        num_uses: Requests left; 0 is any number.
        role: The token role it was made through, or empty.
        kind: Whether it is kept like others or a batch token, which cannot be revoked or renewed.
        entity_id: The entity whose policies it has besides its own, or empty.
        bound_cidrs: The networks it may be used from; none is any.
        renewable: Whether its life can be prolonged.
        created: Unix time of its making.
        ttl: Seconds it was given; 0 is for ever.
        max_ttl: Seconds that its mount or its method's role allows; 0 is the system's maximum.
        explicit_max_ttl: Seconds that no renewal exceeds; 0 is the system's maximum.
        period: Seconds that each renewal gives anew; 0 where it is not periodic.
        expires: Unix time of its end, or None.
        renewed: Unix time of the last renewal, or None.
    """

    id: str = field(repr=False)
    accessor: str
    parent: str = field(default="", repr=False)
    policies: tuple[str, ...]
    path: str
    meta: Mapping[str, str] = field(default_factory=dict[str, str])
    display_name: str = "token"
    num_uses: int = 0
    role: str = ""
    kind: Kind = "service"
    entity_id: str = ""
    bound_cidrs: tuple[str, ...] = ()
    renewable: bool = False
    created: float = 0
    ttl: int = 0
    max_ttl: int = 0
    explicit_max_ttl: int = 0
    period: int = 0
    expires: float | None = None
    renewed: float | None = None
    children: set[str] = field(default_factory=set[str], repr=False)

    @property
    def is_root(self) -> bool:
        """Whether the token may do anything."""
        return "root" in self.policies

    def left(self, now: float) -> int:
        """Return the seconds left to live; 0 where it lives for ever."""
        return 0 if self.expires is None else max(0, round(self.expires - now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """State how long a token shall live: what was asked for, and what limits it."""

    asked: int = 0
    default: int = 0
    explicit_max_ttl: int = 0
    period: int = 0
    max_ttl: int = 0

    @property
    def is_limited(self) -> bool:
        """Whether anything was asked for or limits it."""
        return bool(self.asked or self.explicit_max_ttl or self.period)

    def grant(self) -> tuple[int, list[str]]:
        """Return the seconds given and the warnings about what was not given."""
        limit = self.max_ttl or SYSTEM_MAX_TTL
        if self.period:
            asked, limit = self.period, self.period
        else:
            asked = self.asked or self.default or limit
        limit = least(limit, self.explicit_max_ttl)
        if asked <= limit:
            return asked, []
        if not self.asked:
            return limit, []
        capped = f'TTL of "{asked}s" exceeded the effective max_ttl of "{limit}s"'
        return limit, [f"{capped}; TTL value is capped accordingly"]


class TokenStore:
    """Hold the live tokens; the dead ones are forgotten at once, with all their children.

    Args:
        clock: Gives the Unix time.
        prefixes: What the text of a token of each kind begins with.

    Attributes:
        identity_policies: Gives the policies that an entity's tokens have besides their own.
    """

    def __init__(self, clock: Callable[[], float], prefixes: Mapping[Kind, str]) -> None:
        self._clock = clock
        self._prefixes = prefixes
        self._tokens: dict[str, Token] = {}
        self._accessors: dict[str, str] = {}
        self._ends: list[tuple[float, str]] = []
        self._watchers: list[Callable[[Token], object]] = []
        self.identity_policies: Callable[[str], tuple[str, ...]] = _no_policies

    def __iter__(self) -> Iterator[Token]:
        return iter(list(self._tokens.values()))

    def now(self) -> float:
        """Return the Unix time."""
        return self._clock()

    def new_id(self, kind: Kind = "service") -> str:
        """Return a new token's text, in Vault's form."""
        return f"{self._prefixes[kind]}{random_text()}"

    def watch(self, at_end: Callable[[Token], object]) -> None:
        """Call a function with each token that ends, whatever ends it."""
        self._watchers.append(at_end)

    def add(self, token: Token) -> Token:
        """Take in a new token: its life starts now."""
        token.created = self._clock()
        self._tokens[token.id] = token
        if token.accessor:
            self._accessors[token.accessor] = token.id
        if token.parent:
            self._tokens[token.parent].children.add(token.id)
        if token.ttl:
            self._live_for(token, token.ttl)
        return token

    def find(self, token_id: str) -> Token | None:
        """Return a live token, or None."""
        self.sweep()
        return self._tokens.get(token_id)

    def find_accessor(self, accessor: str) -> Token | None:
        """Return the live token with an accessor, or None."""
        return self.find(self._accessors.get(accessor, ""))

    def renew(self, token: Token, increment: int) -> int:
        """Prolong a token's life and return the seconds it has left, within its limits."""
        limits = [token.period or increment or token.ttl or SYSTEM_MAX_TTL]
        if not token.period:
            limits.append(self._room(token, token.max_ttl or SYSTEM_MAX_TTL))
        if token.explicit_max_ttl:
            limits.append(self._room(token, token.explicit_max_ttl))
        ttl = max(0, min(limits))
        token.renewed = self._clock()
        self._live_for(token, ttl)
        return ttl

    def revoke(self, token: Token, *, keep_children: bool = False) -> None:
        """End a token and, unless they are to be kept, every token below it, deepest first."""
        for child_id in list(token.children):
            child = self._tokens.get(child_id)
            if child is not None and keep_children:
                child.parent = ""
            elif child is not None:
                self.revoke(child)
        if self._tokens.pop(token.id, None) is None:
            return
        self._accessors.pop(token.accessor, None)
        parent = self._tokens.get(token.parent)
        if parent is not None:
            parent.children.discard(token.id)
        for at_end in self._watchers:
            at_end(token)

    def sweep(self) -> None:
        """End every token whose time is over."""
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, token_id = heapq.heappop(self._ends)
            token = self._tokens.get(token_id)
            # A renewed token has a later end further back in the heap.
            if token is not None and token.expires is not None and token.expires <= now:
                self.revoke(token)

    def auth_block(self, token: Token) -> dict[str, object]:
        """Return what a login or a creation answers."""
        extra = self.identity_policies(token.entity_id) if token.entity_id else ()
        block: dict[str, object] = {
            "client_token": token.id,
            "accessor": token.accessor,
            "policies": sorted({*token.policies, *extra}) if extra else list(token.policies),
            "token_policies": list(token.policies),
            "metadata": dict(token.meta) or None,
            "lease_duration": token.ttl,
            "renewable": token.renewable,
            "entity_id": token.entity_id,
            "token_type": token.kind,
            "orphan": not token.parent,
            "mfa_requirement": None,
            "num_uses": token.num_uses,
        }
        if extra:
            block["identity_policies"] = list(extra)
        return block

    def _room(self, token: Token, limit: int) -> int:
        return int(token.created + limit - self._clock())

    def _live_for(self, token: Token, seconds: int) -> None:
        token.expires = self._clock() + seconds
        heapq.heappush(self._ends, (token.expires, token.id))


def iso(moment: float | None) -> str | None:
    """Return a Unix time as RFC 3339 text."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def least(*limits: int) -> int:
    """Return the strictest of some limits; 0 is none."""
    return min((limit for limit in limits if limit), default=0)


def _no_policies(_: str) -> tuple[str, ...]:
    return ()
