"""Owns the key-value secrets engine, version 2: secrets with versions."""

from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.kv1 import level
from bailiwick.tools.devvault.kv2_secrets import Secret, Settings, Version, merged, skeleton
from bailiwick.tools.devvault.refusals import existing, invalid, nothing_there
from bailiwick.tools.devvault.routes import Route


class KvVersion2:
    """Answer everything below the mount of a versioned key-value engine."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secrets: dict[str, Secret] = {}
        self._settings = Settings()

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the engine."""
        return (
            Route(
                pattern=r"data/(?P<path>.+)",
                read=self._read,
                update=self._write,
                patch=self._patch,
                delete=self._delete,
                exists=lambda request: request.params["path"] in self._secrets,
            ),
            Route(pattern=r"config", read=self._read_settings, update=self._write_settings),
            Route(pattern=r"delete/(?P<path>.+)", update=self._delete_versions),
            Route(pattern=r"undelete/(?P<path>.+)", update=self._undelete),
            Route(pattern=r"destroy/(?P<path>.+)", update=self._destroy),
            Route(pattern=r"subkeys/(?P<path>.+)", read=self._subkeys),
            Route(pattern=r"metadata/(?P<path>.*)", list=self._list),
            Route(
                pattern=r"metadata/(?P<path>.+)",
                read=lambda request: Answer(data=self._find(request).shown),
                update=self._write_metadata,
                patch=self._patch_metadata,
                delete=self._forget,
                exists=lambda request: request.params["path"] in self._secrets,
            ),
            Route(pattern=r".*", read=_no_such_path, list=_no_such_path),
        )

    def _read(self, request: Request) -> Answer:
        return self._shown(request, lambda fields: {"data": fields})

    def _subkeys(self, request: Request) -> Answer:
        depth = _number(request, "depth")
        return self._shown(request, lambda fields: {"subkeys": fields and skeleton(fields, depth)})

    def _shown(
        self, request: Request, show: Callable[[dict[str, object] | None], dict[str, object]]
    ) -> Answer:
        secret = self._find(request)
        version = existing(secret.versions.get(_number(request, "version") or secret.current))
        is_gone = version.is_gone(self._clock())
        metadata = {**version.shown, "custom_metadata": secret.custom_metadata}
        return Answer(
            status=404 if is_gone else 200,
            data={**show(None if is_gone else version.fields), "metadata": metadata},
        )

    def _write(self, request: Request) -> Answer:
        fields = request.body.mapping("data")
        if fields is None:
            raise invalid("no data provided")
        path, now = request.params["path"], self._clock()
        secret = self._secrets.get(path) or Secret(created=now, updated=now)
        return self._add_version(request, secret, fields)

    def _patch(self, request: Request) -> Answer:
        changes = request.body.mapping("data")
        if changes is None:
            raise invalid("no data provided")
        secret = self._find(request)
        version = secret.versions.get(secret.current)
        if version is None or version.fields is None or version.is_gone(self._clock()):
            raise nothing_there()
        return self._add_version(request, secret, merged(version.fields, changes))

    def _add_version(self, request: Request, secret: Secret, fields: dict[str, object]) -> Answer:
        secret.check_and_set(request.body.mapping("options") or {}, self._settings)
        self._secrets[request.params["path"]] = secret
        version = secret.write(fields, self._clock(), self._settings)
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
        return keys(level(self._secrets, request.params["path"]))

    def _read_settings(self, _: Request) -> Answer:
        return Answer(data=self._settings.shown)

    def _write_settings(self, request: Request) -> Answer:
        self._settings = _settings(request.body, self._settings)
        return EMPTY

    def _write_metadata(self, request: Request) -> Answer:
        path, now = request.params["path"], self._clock()
        custom = request.body.texts("custom_metadata")
        secret = self._secrets.get(path) or Secret(created=now, updated=now)
        secret.settings = _settings(request.body, secret.settings)
        if "custom_metadata" in request.body:
            secret.custom_metadata = custom
        self._secrets[path] = secret
        return EMPTY

    def _patch_metadata(self, request: Request) -> Answer:
        secret = self._find(request)
        changes = request.body.mapping("custom_metadata")
        settings = _settings(request.body, secret.settings)
        if changes is not None:
            after = merged(dict(secret.custom_metadata or {}), changes)
            secret.custom_metadata = Fields({"custom_metadata": after}).texts("custom_metadata")
        secret.settings = settings
        return EMPTY

    def _forget(self, request: Request) -> Answer:
        self._secrets.pop(request.params["path"], None)
        return EMPTY

    def _find(self, request: Request) -> Secret:
        return existing(self._secrets.get(request.params["path"]))

    def _chosen(self, request: Request) -> list[Version]:
        numbers = {int(number) for number in request.body.strings("versions") if number.isdecimal()}
        if not numbers:
            raise invalid("No version number provided")
        secret = self._find(request)
        return [v for n, v in secret.versions.items() if n in numbers and not v.destroyed]


def _settings(body: Fields, known: Settings) -> Settings:
    return Settings(
        max_versions=body.integer("max_versions", known.max_versions),
        cas_required=body.boolean("cas_required", default=known.cas_required),
        delete_version_after=body.seconds("delete_version_after", known.delete_version_after),
    )


def _number(request: Request, name: str) -> int:
    number = request.query.get(name, "0")
    if not number.isdecimal():
        raise invalid(f'error converting input for field "{name}": expected a number')
    return int(number)


def _no_such_path(request: Request) -> Answer:
    path = request.path.removeprefix(request.mount)
    hint = (
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate "
        f"API endpoints to use. If using the Vault CLI, use 'vault kv get' for {path!r}."
    )
    return Answer(status=404, data=None, warnings=[hint])
