"""Owns the versioned secrets: each write is a version, and what becomes of old ones."""

from dataclasses import dataclass, field

from bailiwick.tools.devvault.fields import go_duration
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.tokens import iso

_KEPT = 10


@dataclass(slots=True, kw_only=True)
class Settings:
    """Hold what an engine says for all its secrets, and a secret for itself.

    Attributes:
        max_versions: How many versions are kept; 0 leaves it to the engine, and there to ten.
        cas_required: Whether a write must say which version it expects.
        delete_version_after: Seconds after which a version is deleted; 0 is never.
    """

    max_versions: int = 0
    cas_required: bool = False
    delete_version_after: int = 0

    @property
    def shown(self) -> dict[str, object]:
        """What a read answers."""
        return {
            "max_versions": self.max_versions,
            "cas_required": self.cas_required,
            "delete_version_after": go_duration(self.delete_version_after),
        }


@dataclass(slots=True, kw_only=True)
class Version:
    """Hold one version of a secret; deleted keeps the fields, destroyed does not."""

    number: int
    fields: dict[str, object] | None = field(repr=False)
    created: float
    deleted: float | None = None
    destroyed: bool = False

    @property
    def shown(self) -> dict[str, object]:
        """What is known of the version besides its fields."""
        return {
            "version": self.number,
            "created_time": iso(self.created),
            "deletion_time": iso(self.deleted) or "",
            "destroyed": self.destroyed,
        }

    def is_gone(self, now: float) -> bool:
        """Tell whether its fields cannot be read any more."""
        return self.destroyed or (self.deleted is not None and self.deleted <= now)


@dataclass(slots=True, kw_only=True)
class Secret:
    """Hold a secret with its versions."""

    created: float
    updated: float
    versions: dict[int, Version] = field(default_factory=dict[int, Version])
    current: int = 0
    settings: Settings = field(default_factory=Settings)
    custom_metadata: dict[str, str] | None = None

    @property
    def shown(self) -> dict[str, object]:
        """What is known of the secret and of each of its versions, without the fields."""
        versions = {
            str(number): {key: value for key, value in version.shown.items() if key != "version"}
            for number, version in sorted(self.versions.items())
        }
        return {
            "created_time": iso(self.created),
            "updated_time": iso(self.updated),
            "current_version": self.current,
            "oldest_version": min(self.versions, default=0),
            **self.settings.shown,
            "custom_metadata": self.custom_metadata,
            "versions": versions,
        }

    def write(self, fields: dict[str, object], now: float, engine: Settings) -> Version:
        """Add a version and forget those beyond the limit."""
        self.current += 1
        self.updated = now
        version = Version(number=self.current, fields=fields, created=now)
        lives = self.settings.delete_version_after or engine.delete_version_after
        if lives:
            version.deleted = now + lives
        self.versions[self.current] = version
        kept = self.settings.max_versions or engine.max_versions or _KEPT
        for number in sorted(self.versions)[:-kept]:
            del self.versions[number]
        return version

    def check_and_set(self, options: dict[str, object], engine: Settings) -> None:
        """Refuse a write that expects another version than the current one.

        Raises:
            Refusal: With status 400.
        """
        expected = options.get("cas")
        if expected is None and (self.settings.cas_required or engine.cas_required):
            raise invalid("check-and-set parameter required for this call")
        if expected is not None and str(expected) != str(self.current):
            raise invalid("check-and-set parameter did not match the current version")


def merged(fields: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    """Return fields changed by a JSON merge patch (RFC 7396): null removes."""
    found = dict(fields)
    for name, change in changes.items():
        known = found.get(name)
        if change is None:
            found.pop(name, None)
        elif isinstance(change, dict):
            inner = (
                {str(key): value for key, value in known.items()} if isinstance(known, dict) else {}
            )
            found[name] = merged(inner, change)
        else:
            found[name] = change
    return found


def skeleton(fields: dict[str, object], depth: int) -> dict[str, object]:
    """Return the names of fields without their values, down to a depth; 0 is all the way."""
    return {
        name: skeleton(value, depth - 1)
        if isinstance(value, dict) and value and depth != 1
        else None
        for name, value in fields.items()
    }
