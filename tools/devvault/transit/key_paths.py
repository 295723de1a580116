"""Owns the paths of the transit keys: made, changed, rotated, trimmed, taken out and put back."""

import base64
from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import existing, failed, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.transit.algorithms import ALGORITHMS
from bailiwick.tools.devvault.transit.keys import Key, private_text, public_text, restored

_HOUR = 3600
_EXPORTS = ("encryption-key", "signing-key", "hmac-key", "public-key")


class KeyPaths:
    """Hold the keys and answer `keys`, `export`, `backup` and `restore` below the mount."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keys: dict[str, Key] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below the mount."""
        name = r"(?P<name>[^/]+)"
        return (
            Route(pattern=r"keys/?", list=lambda _: keys(sorted(self._keys))),
            Route(
                pattern=rf"keys/{name}",
                read=self._read,
                update=self._create,
                delete=self._delete,
                exists=lambda request: request.params["name"] in self._keys,
            ),
            Route(pattern=rf"keys/{name}/config", update=self._configure),
            Route(pattern=rf"keys/{name}/rotate", update=self._rotate),
            Route(pattern=rf"keys/{name}/trim", update=self._trim),
            Route(
                pattern=rf"export/(?P<kind>{'|'.join(_EXPORTS)})/{name}(?:/(?P<version>[^/]+))?",
                read=self._export,
            ),
            Route(pattern=rf"backup/{name}", read=self._backup),
            Route(pattern=rf"restore(?:/{name})?", update=self._restore),
        )

    def find(self, name: str) -> Key | None:
        """Return a key, rotated where its time has come, or None."""
        key = self._keys.get(name)
        if key is not None:
            key.rotate_in_time(self._clock())
        return key

    def make(self, name: str, body: Fields) -> Key:
        """Return a new key.

        Raises:
            Refusal: With status 400, if there is none of its kind or it cannot be so.
        """
        kind = body.text("type") or "aes256-gcm96"
        if kind not in ALGORITHMS:
            raise invalid(f"unknown key type {kind}")
        key = Key(
            name=name,
            kind=kind,
            derived=body.boolean("derived"),
            convergent=body.boolean("convergent_encryption"),
            exportable=body.boolean("exportable"),
            allow_plaintext_backup=body.boolean("allow_plaintext_backup"),
            auto_rotate_period=_period(body),
            key_size=body.integer("key_size") if kind == "hmac" else 0,
        )
        if key.derived and not key.algorithm.derives:
            raise invalid(f"key derivation and convergent encryption not supported for {kind}")
        if key.convergent and not (key.derived and key.algorithm.encrypts):
            raise invalid("convergent encryption requires derivation to be enabled")
        key.rotate(self._clock())
        self._keys[name] = key
        return key

    def _named(self, request: Request) -> Key:
        key = self.find(request.params["name"])
        if key is None:
            raise invalid("key not found")
        return key

    def _read(self, request: Request) -> Answer:
        return Answer(data=existing(self.find(request.params["name"])).shown)

    def _create(self, request: Request) -> Answer:
        name = request.params["name"]
        known = self.find(name)
        if known is None:
            return Answer(data=self.make(name, request.body).shown)
        return Answer(data=known.shown, warnings=[f"key {name} already existed"])

    def _delete(self, request: Request) -> Answer:
        key = self._keys.get(request.params["name"])
        if key is None:
            raise invalid("error deleting policy: could not delete key; not found")
        if not key.deletion_allowed:
            raise invalid("error deleting policy: deletion is not allowed for this key")
        del self._keys[key.name]
        return EMPTY

    def _configure(self, request: Request) -> Answer:
        key, body = self._named(request), request.body
        oldest = max(1, body.integer("min_decryption_version", key.min_decryption_version))
        encrypting = body.integer("min_encryption_version", key.min_encryption_version)
        if max(oldest, encrypting) > key.latest:
            raise invalid(f"cannot set a minimum version above the latest, {key.latest}")
        if oldest < key.min_available_version:
            raise invalid("min decryption version cannot be less than min available version")
        if 0 < encrypting < oldest:
            raise invalid("min encryption version cannot be less than min decryption version")
        for name in ("exportable", "allow_plaintext_backup"):
            if getattr(key, name) and not body.boolean(name, default=True):
                raise invalid(f"{name} can only be set, not taken back")
        period = _period(body) if "auto_rotate_period" in body else key.auto_rotate_period
        key.min_decryption_version, key.min_encryption_version = oldest, encrypting
        key.deletion_allowed = body.boolean("deletion_allowed", default=key.deletion_allowed)
        key.exportable = body.boolean("exportable", default=key.exportable)
        key.allow_plaintext_backup = body.boolean(
            "allow_plaintext_backup", default=key.allow_plaintext_backup
        )
        key.auto_rotate_period = period
        return Answer(data=key.shown)

    def _rotate(self, request: Request) -> Answer:
        key = self._named(request)
        key.rotate(self._clock())
        return Answer(data=key.shown)

    def _trim(self, request: Request) -> Answer:
        key, oldest = self._named(request), request.body.integer("min_available_version")
        if not request.body.get("min_available_version"):
            raise invalid("missing min_available_version")
        if oldest < key.min_available_version:
            raise invalid("minimum available version cannot be decremented")
        if not key.min_encryption_version:
            raise invalid(
                "minimum available version cannot be set when minimum encryption version is not set"
            )
        if oldest > min(key.min_encryption_version, key.min_decryption_version):
            raise invalid(
                "minimum available version cannot be higher than the minimum versions in use"
            )
        key.trim(oldest)
        return Answer(data=key.shown)

    def _export(self, request: Request) -> Answer:
        key = existing(self.find(request.params["name"]))
        kind = request.params["kind"]
        if kind != "public-key" and not key.exportable:
            raise invalid("private key material is not exportable")
        found = {str(number): _exported(key, kind, number) for number in _versions(key, request)}
        return Answer(data={"name": key.name, "type": key.kind, "keys": found})

    def _backup(self, request: Request) -> Answer:
        key = self._named(request)
        if not key.exportable:
            raise failed("exporting is disallowed on the policy")
        if not key.allow_plaintext_backup:
            raise failed("plaintext backup is disallowed on the policy")
        return Answer(data={"backup": key.backup()})

    def _restore(self, request: Request) -> Answer:
        if not request.body.text("backup"):
            raise invalid("'backup' must be supplied")
        key = restored(request.body.text("backup"), request.params.get("name", ""))
        if key.name in self._keys and not request.body.boolean("force"):
            raise failed(f"key {key.name!r} already exists")
        self._keys[key.name] = key
        return EMPTY


def _period(body: Fields) -> int:
    period = body.seconds("auto_rotate_period")
    if period and period < _HOUR:
        raise invalid("auto rotate period must be 0 to disable or at least an hour")
    return period


def _versions(key: Key, request: Request) -> list[int]:
    asked = request.params.get("version", "")
    if not asked:
        oldest = max(key.min_decryption_version, 1)
        return [number for number in sorted(key.versions) if number >= oldest]
    number = key.latest if asked == "latest" else int(asked) if asked.isdecimal() else 0
    if number not in key.versions:
        raise invalid(f"invalid key version {asked!r}")
    return [number]


def _exported(key: Key, kind: str, number: int) -> str:
    if kind == "hmac-key":
        return base64.b64encode(key.versions[number].hmac_key).decode()
    is_wanted = key.algorithm.encrypts if kind == "encryption-key" else key.algorithm.signs
    if not is_wanted or (kind == "public-key" and key.algorithm.make is None):
        raise invalid(f"key type {key.kind} has no {kind}")
    if key.algorithm.make is None:
        return base64.b64encode(key.versions[number].material).decode()
    pair = key.pair(number)
    return public_text(pair) if kind == "public-key" else private_text(pair)
