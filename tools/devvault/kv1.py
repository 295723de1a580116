"""Owns the key-value stores without versions: the secrets engine, and each token's cubbyhole."""

from collections.abc import Iterable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request, keys
from bailiwick.tools.devvault.fields import duration
from bailiwick.tools.devvault.mounts import Mount
from bailiwick.tools.devvault.refusals import existing, invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import SYSTEM_MAX_TTL, TokenStore

Secrets = dict[str, dict[str, object]]


class KvVersion1:
    """Answer everything below the mount of a key-value engine without versions."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self._secrets: Secrets = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The one path of the engine."""
        return (
            Route(
                pattern=r"(?P<path>.*)",
                read=self._read,
                list=lambda request: _list(self._secrets, request),
                update=lambda request: _write(self._secrets, request),
                delete=lambda request: _delete(self._secrets, request),
                exists=lambda request: request.params["path"] in self._secrets,
            ),
        )

    def _read(self, request: Request) -> Answer:
        fields = _find(self._secrets, request)
        return Answer(data=fields, lease_duration=self._advised(fields))

    def _advised(self, fields: dict[str, object]) -> int:
        """Return when to read again: there is no lease, the number is advice."""
        default = self._mount.default_ttl or SYSTEM_MAX_TTL
        try:
            return duration(fields.get("ttl") or fields.get("lease") or default)
        except ValueError:
            return default


class Cubbyhole:
    """Answer everything below `cubbyhole/`: each token sees what it wrote, and nobody else."""

    def __init__(self, tokens: TokenStore) -> None:
        self._stores: dict[str, Secrets] = {}
        tokens.watch(lambda token: self._stores.pop(token.id, None))

    @property
    def routes(self) -> Sequence[Route]:
        """The one path of the engine."""
        return (
            Route(
                pattern=r"(?P<path>.*)",
                read=lambda request: Answer(data=_find(self._own(request), request)),
                list=lambda request: _list(self._own(request), request),
                update=lambda request: _write(self._own(request), request),
                delete=lambda request: _delete(self._own(request), request),
            ),
        )

    def _own(self, request: Request) -> Secrets:
        caller = request.caller
        if caller is None or caller.kind != "service":
            raise invalid('cubbyhole operations are only supported by "service" type tokens')
        return self._stores.setdefault(caller.id, {})


def level(paths: Iterable[str], prefix: str) -> list[str]:
    """Return what lies one level below a folder; folders end in a slash."""
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    below = (path[len(prefix) :] for path in paths if path.startswith(prefix))
    return sorted({name.partition("/")[0] + name.partition("/")[1] for name in below})


def _find(secrets: Secrets, request: Request) -> dict[str, object]:
    return existing(secrets.get(request.params["path"]))


def _list(secrets: Secrets, request: Request) -> Answer:
    return keys(level(secrets, request.params["path"]))


def _write(secrets: Secrets, request: Request) -> Answer:
    if not request.params["path"]:
        raise invalid("missing path")
    if not request.body:
        raise invalid("missing data fields")
    secrets[request.params["path"]] = dict(request.body)
    return EMPTY


def _delete(secrets: Secrets, request: Request) -> Answer:
    secrets.pop(request.params["path"], None)
    return EMPTY
