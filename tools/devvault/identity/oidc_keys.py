"""Owns the named keys that sign identity tokens: made, rotated, and remembered to check with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.identity.jwt import ALGORITHMS, SigningKey, new_key
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.refusals import existing, invalid
from bailiwick.tools.devvault.routes import Route

DAY = 24 * 3600


@dataclass(slots=True, kw_only=True)
class NamedKey:
    """Hold a key and those it replaced, as long as tokens of theirs may be about.

    Attributes:
        name: The key's name.
        algorithm: How it signs.
        rotation_period: Seconds after which it is replaced; kept and shown, not done by itself.
        verification_ttl: Seconds that a replaced key still checks.
        allowed_client_ids: The roles' client ids that may sign with it; `*` is any.
        ring: The key that signs, and after it the replaced ones with the Unix time of their end.
    """

    name: str
    algorithm: str
    rotation_period: int = DAY
    verification_ttl: int = DAY
    allowed_client_ids: tuple[str, ...] = ()
    ring: list[tuple[SigningKey, float | None]] = field(
        default_factory=list[tuple[SigningKey, float | None]], repr=False
    )

    def rotate(self, now: float, verification_ttl: int) -> None:
        """Sign with a new key from now on."""
        kept = [(k, end) for k, end in self.ring if end is None or end > now]
        replaced = [(k, now + verification_ttl if end is None else end) for k, end in kept]
        self.ring = [(new_key(self.algorithm), None), *replaced]

    def live(self, now: float) -> list[SigningKey]:
        """Return the keys that check, the one that signs first; it is made when first needed."""
        if not self.ring:
            self.rotate(now, self.verification_ttl)
        return [key for key, end in self.ring if end is None or end > now]


class OidcKeys:
    """Answer `identity/oidc/key`."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        self._keys: dict[str, NamedKey] = {
            "default": NamedKey(name="default", algorithm="RS256", allowed_client_ids=("*",))
        }

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `identity/`."""
        return (
            Route(pattern=r"oidc/key/?", list=lambda _: keys(sorted(self._keys))),
            Route(
                pattern=r"oidc/key/(?P<name>[^/]+)",
                read=self._read,
                update=self._write,
                delete=self._delete,
                exists=lambda request: request.params["name"] in self._keys,
            ),
            Route(pattern=r"oidc/key/(?P<name>[^/]+)/rotate", update=self._rotate),
        )

    def find(self, name: str) -> NamedKey | None:
        """Return a key, or None."""
        return self._keys.get(name)

    def live(self) -> list[SigningKey]:
        """Return every key that checks."""
        now = self._store.now()
        return [key for named in self._keys.values() for key in named.live(now)]

    def _named(self, request: Request) -> NamedKey:
        return existing(self._keys.get(request.params["name"]))

    def _read(self, request: Request) -> Answer:
        named = self._named(request)
        return Answer(
            data={
                "rotation_period": named.rotation_period,
                "verification_ttl": named.verification_ttl,
                "algorithm": named.algorithm,
                "allowed_client_ids": list(named.allowed_client_ids),
            }
        )

    def _write(self, request: Request) -> Answer:
        body, name = request.body, request.params["name"]
        known = self._keys.get(name) or NamedKey(name=name, algorithm="RS256")
        algorithm = body.text("algorithm", known.algorithm)
        if algorithm not in ALGORITHMS:
            raise invalid(f"unknown signing algorithm {algorithm!r}")
        rotation = body.seconds("rotation_period", known.rotation_period)
        verification = body.seconds("verification_ttl", known.verification_ttl)
        if verification > 10 * rotation:
            raise invalid("verification_ttl cannot be longer than 10x rotation_period")
        if "allowed_client_ids" in body:
            known.allowed_client_ids = body.strings("allowed_client_ids")
        known.rotation_period, known.verification_ttl = rotation, verification
        if known.algorithm != algorithm:
            known.algorithm, known.ring = algorithm, []
        self._keys[name] = known
        return EMPTY

    def _delete(self, request: Request) -> Answer:
        if request.params["name"] == "default":
            raise invalid("deletion of key 'default' not allowed")
        self._keys.pop(request.params["name"], None)
        return EMPTY

    def _rotate(self, request: Request) -> Answer:
        named = self._named(request)
        verification = request.body.seconds("verification_ttl", named.verification_ttl)
        named.live(self._store.now())
        named.rotate(self._store.now(), verification)
        named.verification_ttl = verification
        return EMPTY
