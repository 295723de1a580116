"""Owns the scope: what one call of a tool may lease."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from bailiwick.policies.calls import Effect
from bailiwick.policies.errors import ScopeError

Kind: TypeAlias = Literal["kv", "database", "static", "token"]
"""What can be leased; see `Scope`."""

Lasts: TypeAlias = Literal["call", "run"]
"""What a lease is for: one call, or the reads of a run."""

MOST_AHEAD = 32
"""The children that may be made ahead for one tool of one agent."""

_MOUNTS = {"kv": "secret", "database": "database", "static": "database", "token": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """State what one call of a tool may lease, and for how long.

    | kind       | `path`                           | the credential's fields           |
    |------------|----------------------------------|-----------------------------------|
    | `kv`       | a secret of KV version 2         | the secret's                      |
    | `database` | a role: a user made for the call | `username`, `password` (and `url`) |
    | `static`   | a static role: a user that stays | `username`, `password` (and `url`) |
    | `token`    | the API path that it opens       | `token`                           |

    Attributes:
        path: What is leased, such as `payments/refund`; see above.
        kind: What kind of thing that is.
        ttl: Seconds after which Vault ends the lease by itself.
        mount: The mount of the secrets engine; `secret` or `database` where left out.
        fields: The fields of a secret that the tool gets; each that is a text where left out.
        uses: Requests that the call's token is good for; 0 is any number. A secret read with a
            token of one use leaves nothing to revoke.
        url: A database's URL without a user, from which the credential's `url` is made.
        capabilities: What a token may do at its path, such as `update`.
        is_wrapped: Whether the tool gets its token wrapped, to unwrap it itself.
        lasts: `call`; or `run`, where the reads of one tool in one thread may share a lease for
            half of its time, as long as nothing differs that was decided on.
        ahead: Child tokens of one use that are kept ready for each agent, for calls that need no
            approval: such a call then waits for one round trip and not for two. 0 makes none.

    Raises:
        ScopeError: If it says what cannot be leased, or a kind is given what only another one has.
    """

    path: str
    kind: Kind = "kv"
    ttl: int = 60
    mount: str = ""
    fields: tuple[str, ...] = ()
    uses: int = 0
    url: str = ""
    capabilities: tuple[str, ...] = ()
    is_wrapped: bool = False
    lasts: Lasts = "call"
    # How a child comes about is no part of what a tool may do, so it changes no tool's version.
    ahead: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self._check_values()
        # A scope that was stored comes back with lists.
        object.__setattr__(self, "fields", tuple(self.fields))
        object.__setattr__(self, "capabilities", tuple(self.capabilities))
        object.__setattr__(self, "mount", self.mount or _MOUNTS[self.kind])
        for name, is_set, kinds in (
            ("fields", self.fields, ("kv",)),
            ("url", self.url, ("database", "static")),
            ("capabilities", self.capabilities, ("token",)),
            ("is_wrapped", self.is_wrapped, ("token",)),
            ("uses", self.uses, ("kv", "static", "token")),
            ("lasts", self.lasts == "run", ("kv", "static", "database")),
            ("ahead", self.ahead, ("kv", "static")),
        ):
            if is_set and self.kind not in kinds:
                raise ScopeError(self._says(f"has no {name!r}: leave it out"))
        if self.kind == "token" and not self.capabilities:
            raise ScopeError(self._says("names no capabilities: say what its token may do"))
        if self.uses < 0 or (self.uses > 1 and self.kind != "token"):
            raise ScopeError(self._says(f"has {self.uses} uses: use 0 for any number, or 1"))
        if self.lasts == "run" and self.uses:
            raise ScopeError(self._says("lasts for a run, which one use does not: leave one out"))
        self._check_ahead()

    @property
    def label(self) -> str:
        """What a person reads of it, such as `payments/refund` or `database reader`."""
        return self.path if self.kind == "kv" else f"{self.kind} {self.path}"

    def check(self, effect: Effect) -> None:
        """Return if a tool with this effect may declare the scope.

        Raises:
            ScopeError: If it shares what only reads share, or has ahead what is leased for a call.
        """
        if self.lasts == "run" and effect != "read":
            raise ScopeError(f"the {effect} scope {self.label!r} lasts for a run: only reads share")
        if self.ahead and effect == "destructive":
            raise ScopeError(
                f"the destructive scope {self.label!r} makes children ahead: what destroys has one "
                "of its own that names its call, so leave `ahead` out"
            )

    def _check_values(self) -> None:
        # Authors need not have their types checked.
        lists: dict[str, object] = {"fields": self.fields, "capabilities": self.capabilities}
        if self.kind not in _MOUNTS:
            raise ScopeError(self._says(f"is of no known kind: use one of {', '.join(_MOUNTS)}"))
        if not self.path:
            raise ScopeError(self._says("names nothing: say its path, such as payments/refund"))
        for name, given in lists.items():
            if isinstance(given, str):
                raise ScopeError(self._says(f"has a text for {name!r}: give a tuple, even of one"))
        if type(self.ttl) is not int or self.ttl < 1:
            raise ScopeError(self._says(f"has a ttl of {self.ttl!r}: use whole seconds, from 1 on"))
        if self.lasts not in get_args(Lasts):
            raise ScopeError(self._says(f"lasts for {self.lasts!r}: use 'call' or 'run'"))

    def _check_ahead(self) -> None:
        if not 0 <= self.ahead <= MOST_AHEAD:
            raise ScopeError(self._says(f"has {self.ahead} ahead: use 0 to {MOST_AHEAD}"))
        if self.ahead and self.uses != 1:
            raise ScopeError(self._says("makes children ahead, which are of one use: say uses=1"))

    def _says(self, what: str) -> str:
        return f"the {self.kind} scope {self.path!r} {what}"
