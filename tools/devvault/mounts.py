"""Owns the mount table: which engine answers below which path."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Engine, RouteTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Hold one mounted engine.

    Attributes:
        path: Where it is mounted, with a trailing slash; auth methods begin with `auth/`.
        kind: The engine's type, in Vault's word.
        accessor: The mount's id.
        description: A sentence for people.
        options: Settings of the engine, such as its version.
        table: The engine's paths.
    """

    path: str
    kind: str
    accessor: str
    description: str = ""
    options: Mapping[str, str] | None = None
    table: RouteTable = field(repr=False)

    @property
    def shown(self) -> dict[str, object]:
        """What the mount's listing answers."""
        return {
            "type": self.kind,
            "accessor": self.accessor,
            "description": self.description,
            "options": dict(self.options) if self.options else None,
            "config": {
                "default_lease_ttl": 0,
                "max_lease_ttl": 0,
                "force_no_cache": False,
                "token_type": "default-service",
            },
            "local": False,
            "seal_wrap": False,
            "external_entropy_access": False,
            "plugin_version": "",
            "running_plugin_version": "",
            "running_sha256": "",
            "deprecation_status": "supported",
            "uuid": self.accessor,
        }


class MountTable:
    """Find the mount of a path, and mount what there is an engine for.

    Args:
        engines: What makes an engine of each type that can be mounted.
    """

    def __init__(self, engines: Mapping[str, Callable[[], Engine]]) -> None:
        self._engines = engines
        self._mounts: dict[str, Mount] = {}

    def add(self, path: str, kind: str, engine: Engine, **described: str) -> None:
        """Mount an engine that is already made."""
        self._mounts[path] = Mount(
            path=path,
            kind=kind,
            accessor=f"{kind}_{secrets.token_hex(4)}",
            table=RouteTable(engine),
            description=described.get("description", ""),
            options={"version": described["version"]} if "version" in described else None,
        )

    def enable(self, path: str, kind: str, **described: str) -> None:
        """Mount a new engine.

        Raises:
            Refusal: With status 400, if the path is taken or the type unknown.
        """
        if any(path.startswith(known) or known.startswith(path) for known in self._mounts):
            raise invalid(f"path is already in use at {path.removeprefix('auth/')}")
        if kind not in self._engines:
            raise invalid(f"plugin not found in the catalog: {kind}")
        self.add(path, kind, self._engines[kind](), **described)

    def disable(self, path: str) -> None:
        """Remove a mount with everything in it, if it is there."""
        if path in ("sys/", "auth/token/"):
            raise invalid(f"cannot unmount {path!r}")
        self._mounts.pop(path, None)

    def find(self, path: str) -> Mount | None:
        """Return the mount that a path lies below, or None."""
        found = [known for known in self._mounts if f"{path}/".startswith(known)]
        return self._mounts[max(found, key=len)] if found else None

    def shown(self, *, auth: bool) -> dict[str, object]:
        """Return the listing of the secrets engines or of the auth methods."""
        return {
            path.removeprefix("auth/"): mount.shown
            for path, mount in self._mounts.items()
            if path.startswith("auth/") == auth
        }
