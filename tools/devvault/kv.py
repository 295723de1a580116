"""Owns the key-value secrets engine, version 2: secrets with versions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.refusals import invalid, nothing_there
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import iso


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


@dataclass(slots=True, kw_only=True)
class Secret:
    """Hold a secret with its versions."""

    created: float
    updated: float
    versions: dict[int, Version] = field(default_factory=dict[int, Version])
    current: int = 0
    max_versions: int = 0
    cas_required: bool = False
    custom_metadata: dict[str, str] | None = None

    def write(self, fields: dict[str, object], now: float) -> Version:
        """Add a version and forget those beyond the limit."""
        self.current += 1
        self.updated = now
        version = Version(number=self.current, fields=fields, created=now)
        self.versions[self.current] = version
        for number in sorted(self.versions)[: -(self.max_versions or 10)]:
            del self.versions[number]
        return version


class KvVersion2:
    """Answer everything below the mount of a versioned key-value engine."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secrets: dict[str, Secret] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the engine."""
        return (
            Route(
                pattern=r"data/(?P<path>.+)",
                read=self._read,
                update=self._write,
                delete=self._delete,
                exists=lambda request: request.params["path"] in self._secrets,
            ),
            Route(pattern=r"delete/(?P<path>.+)", update=self._delete_versions),
            Route(pattern=r"undelete/(?P<path>.+)", update=self._undelete),
            Route(pattern=r"destroy/(?P<path>.+)", update=self._destroy),
            Route(pattern=r"metadata/(?P<path>.*)", list=self._list),
            Route(
                pattern=r"metadata/(?P<path>.+)",
                read=self._metadata,
                update=self._write_metadata,
                delete=self._forget,
                exists=lambda request: request.params["path"] in self._secrets,
            ),
        )

    def _read(self, request: Request) -> Answer:
        secret = self._find(request)
        number = request.query.get("version", "0")
        if not number.isdecimal():
            raise invalid('error converting input for field "version": expected a number')
        version = secret.versions.get(int(number) or secret.current)
        if version is None:
            raise nothing_there()
        is_gone = version.destroyed or self._is_deleted(version)
        metadata = {**version.shown, "custom_metadata": secret.custom_metadata}
        return Answer(
            status=404 if is_gone else 200,
            data={"data": None if is_gone else version.fields, "metadata": metadata},
        )

    def _write(self, request: Request) -> Answer:
        fields = request.body.mapping("data")
        if fields is None:
            raise invalid("no data provided")
        path, now = request.params["path"], self._clock()
        secret = self._secrets.get(path) or Secret(created=now, updated=now)
        _check_and_set(secret, request.body.mapping("options") or {})
        self._secrets[path] = secret
        version = secret.write(fields, now)
        return Answer(data={**version.shown, "custom_metadata": secret.custom_metadata})

    def _delete(self, request: Request) -> Answer:
        secret = self._secrets.get(request.params["path"])
        version = secret.versions.get(secret.current) if secret else None
        if version is not None and not version.destroyed:
            version.deleted = self._clock()
        return EMPTY

    def _delete_versions(self, request: Request) -> Answer:
        for version in self._chosen(request):
            version.deleted = self._clock()
        return EMPTY

    def _undelete(self, request: Request) -> Answer:
        for version in self._chosen(request):
            version.deleted = None
        return EMPTY

    def _destroy(self, request: Request) -> Answer:
        for version in self._chosen(request):
            version.fields, version.destroyed = None, True
        return EMPTY

    def _list(self, request: Request) -> Answer:
        prefix = request.params["path"]
        prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        below = (path[len(prefix) :] for path in self._secrets if path.startswith(prefix))
        return keys(sorted({name.partition("/")[0] + name.partition("/")[1] for name in below}))

    def _metadata(self, request: Request) -> Answer:
        secret = self._find(request)
        versions = {
            str(number): {key: value for key, value in version.shown.items() if key != "version"}
            for number, version in sorted(secret.versions.items())
        }
        return Answer(
            data={
                "created_time": iso(secret.created),
                "updated_time": iso(secret.updated),
                "current_version": secret.current,
                "oldest_version": min(secret.versions, default=0),
                "max_versions": secret.max_versions,
                "cas_required": secret.cas_required,
                "delete_version_after": "0s",
                "custom_metadata": secret.custom_metadata,
                "versions": versions,
            }
        )

    def _write_metadata(self, request: Request) -> Answer:
        path, body, now = request.params["path"], request.body, self._clock()
        secret = self._secrets.setdefault(path, Secret(created=now, updated=now))
        secret.max_versions = body.integer("max_versions", secret.max_versions)
        secret.cas_required = body.boolean("cas_required", default=secret.cas_required)
        if "custom_metadata" in body:
            secret.custom_metadata = body.texts("custom_metadata")
        return EMPTY

    def _forget(self, request: Request) -> Answer:
        self._secrets.pop(request.params["path"], None)
        return EMPTY

    def _find(self, request: Request) -> Secret:
        secret = self._secrets.get(request.params["path"])
        if secret is None:
            raise nothing_there()
        return secret

    def _chosen(self, request: Request) -> list[Version]:
        numbers = {int(number) for number in request.body.strings("versions") if number.isdecimal()}
        if not numbers:
            raise invalid("No version number provided")
        secret = self._find(request)
        return [v for n, v in secret.versions.items() if n in numbers and not v.destroyed]

    def _is_deleted(self, version: Version) -> bool:
        return version.deleted is not None and version.deleted <= self._clock()


def _check_and_set(secret: Secret, options: dict[str, object]) -> None:
    expected = options.get("cas")
    if expected is None and secret.cas_required:
        raise invalid("check-and-set parameter required for this call")
    if expected is not None and str(expected) != str(secret.current):
        raise invalid("check-and-set parameter did not match the current version")
