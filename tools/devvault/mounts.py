"""Owns the mount table: which engine answers below which path."""

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Engine, RouteTable
from bailiwick.tools.devvault.tokens import SYSTEM_MAX_TTL

OWN = ("sys/", "auth/token/", "cubbyhole/", "identity/")
"""The mounts that come with the system and stay."""


@dataclass(slots=True, kw_only=True)
class Mount:
    """Hold one mounted engine.

    Attributes:
        path: Where it is mounted, with a trailing slash; auth methods begin with `auth/`.
        kind: The engine's type, in Vault's word.
        accessor: The mount's id.
        description: A sentence for people.
        options: Settings of the engine, such as its version.
        default_ttl: Seconds that its leases and tokens live; 0 is the system's default.
        max_ttl: Seconds that they live at most; 0 is the system's maximum.
        token_type: What kind of token an auth method gives.
        tuned: Further settings, kept and shown.
        table: The engine's paths.
    """

    path: str
    kind: str
    accessor: str
    description: str = ""
    options: Mapping[str, str] | None = None
    default_ttl: int = 0
    max_ttl: int = 0
    token_type: str = "default-service"  # noqa: S105 - a kind of token, not one
    tuned: dict[str, object] = field(default_factory=dict[str, object])
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    table: RouteTable = field(default_factory=RouteTable, repr=False)

    @property
    def is_auth(self) -> bool:
        """Whether it is an auth method."""
        return self.path.startswith("auth/")

    @property
    def shown(self) -> dict[str, object]:
        """What the mount's listing answers."""
        return {
            "type": self.kind,
            "accessor": self.accessor,
            "description": self.description,
            "options": dict(self.options) if self.options else None,
            "config": {
                "default_lease_ttl": self.default_ttl,
                "max_lease_ttl": self.max_ttl,
                "force_no_cache": False,
                **({"token_type": self.token_type} if self.is_auth else {}),
                **self.tuned,
            },
            "local": False,
            "seal_wrap": False,
            "external_entropy_access": False,
            "plugin_version": "",
            "running_plugin_version": "",
            "running_sha256": "",
            "deprecation_status": "supported",
            "uuid": self.uuid,
        }

    @property
    def tuning(self) -> dict[str, object]:
        """What reading its settings answers: the values in force."""
        return {
            "description": self.description,
            "default_lease_ttl": self.default_ttl or SYSTEM_MAX_TTL,
            "max_lease_ttl": self.max_ttl or SYSTEM_MAX_TTL,
            "force_no_cache": False,
            **({"token_type": self.token_type} if self.is_auth else {}),
            **({"options": dict(self.options)} if self.options else {}),
            **self.tuned,
        }


EngineFactory = Callable[[Mount], Engine]


class MountTable:
    """Find the mount of a path, and mount what there is an engine for.

    Args:
        engines: What makes an engine of each secrets engine's type.
        methods: What makes an engine of each auth method's type.
    """

    def __init__(
        self, engines: Mapping[str, EngineFactory], methods: Mapping[str, EngineFactory]
    ) -> None:
        self._engines = engines
        self._methods = methods
        self._mounts: dict[str, Mount] = {}

    def __iter__(self) -> Iterator[Mount]:
        return iter(list(self._mounts.values()))

    def add(self, path: str, kind: str, engine: Engine) -> Mount:
        """Mount an engine that is already made."""
        return self._add(path, kind, lambda _: engine)

    def enable(self, path: str, kind: str, options: Mapping[str, str] | None = None) -> Mount:
        """Mount a new engine.

        Raises:
            Refusal: With status 400, if the path is taken or the type unknown.
        """
        self._check_free(path)
        engines = self._methods if path.startswith("auth/") else self._engines
        if kind not in engines:
            raise invalid(f"plugin not found in the catalog: {kind}")
        return self._add(path, kind, engines[kind], options)

    def disable(self, path: str) -> None:
        """Remove a mount with everything in it, if it is there."""
        if path in OWN:
            raise invalid(f"cannot unmount {path!r}")
        self._mounts.pop(path, None)

    def move(self, source: str, target: str) -> None:
        """Mount an engine, with everything in it, at another path.

        Raises:
            Refusal: With status 400, if it is not there, may not move or the target is taken.
        """
        if source in OWN:
            raise invalid(f"cannot remount {source!r}")
        if source not in self._mounts:
            raise invalid(f"no matching mount at {source!r}")
        if source.startswith("auth/") != target.startswith("auth/"):
            raise invalid("cannot move a secrets engine to an auth method's path, nor back")
        self._check_free(target)
        mount = self._mounts.pop(source)
        mount.path = target
        self._mounts[target] = mount

    def get(self, path: str) -> Mount | None:
        """Return the mount at exactly this path, with its trailing slash, or None."""
        return self._mounts.get(path)

    def find(self, path: str) -> Mount | None:
        """Return the mount that a path lies below, or None."""
        found = [known for known in self._mounts if f"{path}/".startswith(known)]
        return self._mounts[max(found, key=len)] if found else None

    def find_accessor(self, accessor: str) -> Mount | None:
        """Return the mount with an accessor, or None."""
        return next((m for m in self._mounts.values() if m.accessor == accessor), None)

    def shown(self, *, auth: bool) -> dict[str, object]:
        """Return the listing of the secrets engines or of the auth methods."""
        return {
            path.removeprefix("auth/"): mount.shown
            for path, mount in self._mounts.items()
            if mount.is_auth == auth
        }

    def _check_free(self, path: str) -> None:
        for known in self._mounts:
            if path.startswith(known) or known.startswith(path):
                raise invalid(f"path is already in use at {known.removeprefix('auth/')}")

    def _add(
        self,
        path: str,
        kind: str,
        make: EngineFactory,
        options: Mapping[str, str] | None = None,
    ) -> Mount:
        accessor = f"{'auth_' if path.startswith('auth/') else ''}{kind}_{secrets.token_hex(4)}"
        mount = Mount(path=path, kind=kind, accessor=accessor, options=options)
        mount.table = RouteTable(make(mount).routes)
        self._mounts[path] = mount
        return mount
